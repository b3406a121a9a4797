"""slabdes: what will this allocator do on a machine you do not have?"""
