"""Lava processes of snmem. Lava imports every module of this folder when it looks for models: keep others out."""
