"""Jobs: long recordings and archives, scored while nobody holds a connection."""
