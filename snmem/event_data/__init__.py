"""Events of cameras and of data sets as input spikes: arrays of (x, y, p, t), frames, and cameras' files."""

from .binning import from_events, from_frames, line_of
from .camera import CAMERA_FILES, read_camera

__all__ = ["CAMERA_FILES", "from_events", "from_frames", "line_of", "read_camera"]
