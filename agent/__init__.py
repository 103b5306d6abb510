"""An interviewer for system design: conducts the ten sections of a "Build X" framework and grades them."""
