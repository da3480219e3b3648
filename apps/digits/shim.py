from apps.digits import data as d
from cnn_core.data import Dataset
def load(config):
    x = d.load(config.data)
    return Dataset(x.name, x.train, x.test, x.classes)
