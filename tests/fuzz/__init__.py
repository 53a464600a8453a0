"""Damaged and hostile files by the thousand: every reader accepts them, or refuses them in one line.

``kinds`` says what is made and how it is used, ``worker`` runs cases in a process that may die, ``run`` hands them out,
watches, and keeps what fails. ``make fuzz`` runs a million; the tests run some thousands and what failed before.
"""
