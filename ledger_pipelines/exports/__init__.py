"""Files for people and other programs: frames in, bytes out. Not here: where the frames come from."""
