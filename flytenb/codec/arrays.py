def array_codec(kind): return None
