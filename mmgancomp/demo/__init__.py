"""``mmgancomp demo``: a stock GAN on real digits, compressed end to end."""
