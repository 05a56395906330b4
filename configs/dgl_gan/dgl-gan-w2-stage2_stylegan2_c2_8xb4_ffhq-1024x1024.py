# Stage II alone: the student of stage I goes on with fresh optimizers and the
# teacher.
_base_ = './dgl-gan-w2-stage1_stylegan2_c2_8xb4_ffhq-1024x1024.py'

load_from = (
    'work_dirs/dgl-gan-w2-stage1_stylegan2_c2_8xb4_ffhq-1024x1024/'
    'iter_468750.pth')
train_cfg = dict(max_iters=2031250)

default_hooks = dict(
    distillation=dict(
        type='mmgancomp.DistillationHook',
        teacher=dict(
            config='mmagic::styleganv2/stylegan2_c2_8xb4_ffhq-1024x1024.py',
            checkpoint=
                'https://download.openmmlab.com/mmediting/stylegan2/'
                'stylegan2_c2_ffhq_1024_b4x8_20210407_150045-618c9024.pth'),
        generator=dict(
            guide=dict(
                type='mmgancomp.TeacherAdversarialLoss',
                loss_weight=0.1))))
