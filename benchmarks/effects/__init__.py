"""Does a method do, on small real data, what its paper says it does?"""
