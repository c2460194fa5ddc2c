"""What a reader is told who may not see something, or asks for something that is not there: the same."""

from __future__ import annotations


class NotVisible(Exception):
    """Not there, or not for the viewer's eyes. Number, text and size never depend on which of the two it is."""

    number = 1090
    name = "NOT_VISIBLE"
    explanation = "There is nothing of this identity that this viewer may see."
    resolution = "Check the identity, and ask as a party that has a right to see it."

    def __init__(self) -> None:
        super().__init__(f"{self.number} {self.name}: {self.explanation} {self.resolution}")
