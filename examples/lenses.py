"""The lenses on a network of torchvision's and one of timm's: which parts of a photograph speak for the answer.

    python examples/lenses.py photo.jpg [--torchvision resnet18] [--timm convnext_atto] [--weights]

Writes NAME-lenses.png for each network whose library is installed: the photograph, Grad-CAM, integrated gradients,
and x* of three filters. Without --weights the networks are untrained, for their weights are a download of those
libraries.
"""

import argparse
import importlib.util
import sys
from collections import OrderedDict

import numpy as np
import torch
from PIL import Image
from torch import nn

from cnn_core import visual
from cnn_core.drawing.grids import gallery

SIDE = 128
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, by which torchvision's networks see
LAYERS = {"torchvision": "net.layer3", "timm": "net.stages.2"}
"""Where Grad-CAM looks in the networks named above; `visual.layer_names(model)` lists the layers of others."""


def network(library, name, weights):
    """A network (B, 3, H, W), 0 to 1, -> logits, in eval mode."""
    if library == "torchvision":
        from torchvision import models

        net, mean, std = models.get_model(name, weights="DEFAULT" if weights else None), MEAN, STD
    else:
        import timm

        net = timm.create_model(name, pretrained=weights)
        mean, std = net.default_cfg["mean"], net.default_cfg["std"]
    return nn.Sequential(OrderedDict(front=Normalized(mean, std), net=net)).eval()


class Normalized(nn.Module):
    """The colours as the network learned to take them: pictures of any other are answered, but wrongly."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean)[:, None, None])
        self.register_buffer("std", torch.tensor(std)[:, None, None])

    def forward(self, pictures):
        return (pictures - self.mean) / self.std


def sheet(model, photo, layer, title):
    """A figure of what the lenses see in `photo` (3, H, W), 0 to 1, with a network that takes such pictures."""
    with torch.no_grad():
        answer = int(model(photo[None]).argmax())
    cam = visual.heat_of(visual.grad_cam(model, photo[None], layer, answer))[0]
    gradients = visual.heat_of(visual.integrated_gradients(model, photo[None], answer, steps=8).values)[0]
    canvas = visual.Pixels((3, SIDE, SIDE), 0, 1)
    optima = visual.optimize(model, visual.filters(layer, range(3)), canvas, steps=32).inputs
    seen = visual.as_picture(photo)
    pictures = [seen, visual.overlay(seen, cam), visual.overlay(seen, gradients)]
    pictures += [visual.as_picture(each) for each in optima]
    captions = ["the photograph", "Grad-CAM", "integrated gradients", *(f"x* of filter {n}" for n in range(3))]
    return gallery(pictures, captions, title=f"{title}, {layer}: answer {answer}", columns=3)


def main(args=None):
    """Look through both; the names of the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photo")
    parser.add_argument("--torchvision", default="resnet18", metavar="NAME")
    parser.add_argument("--timm", default="convnext_atto", metavar="NAME")
    parser.add_argument("--weights", action="store_true", help="fetch the library's trained weights")
    options = parser.parse_args(args)
    picture = Image.open(options.photo).convert("RGB").resize((SIDE, SIDE))
    photo = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
    written = []
    for library, layer in LAYERS.items():
        if importlib.util.find_spec(library) is None:
            print(f"{library} is not installed: left out (pip install {library})", file=sys.stderr)
            continue
        name = getattr(options, library)
        torch.manual_seed(0)
        figure = sheet(network(library, name, options.weights), photo, layer, name)
        written.append(f"{name}-lenses.png")
        figure.savefig(written[-1], dpi=150)
        print(written[-1])
    return written


if __name__ == "__main__":
    main()
