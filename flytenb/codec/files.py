def file_codec(kind): return None
def annotated_codec(codec, metadata): return codec
