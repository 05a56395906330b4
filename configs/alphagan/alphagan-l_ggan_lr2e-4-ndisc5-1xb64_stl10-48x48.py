# Trains the published architecture alphaGAN(l) on STL-10.
_base_ = './alphagan-s_ggan_lr2e-4-ndisc5-1xb64_stl10-48x48.py'

model = dict(generator=dict(genotype='alphagan_l'))
