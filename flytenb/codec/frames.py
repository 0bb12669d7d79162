def frame_codec(kind): return None
