"""The lenses on a network of torchvision's and one of timm's: which parts of a photograph speak for the answer.

    python examples/lenses.py photo.jpg [--torchvision resnet18] [--timm convnext_atto] [--weights]

Writes NAME-lenses.png for each network whose library is installed: the photograph, Grad-CAM, integrated gradients,
and x* of three filters. Without --weights the networks are untrained, for their weights are a download of those
libraries.
"""

import argparse
import importlib.util
import sys

import numpy as np
import torch
from PIL import Image

from cnn_core import visual
from cnn_core.drawing.grids import gallery

SIDE = 128
LAYERS = {"torchvision": "layer3", "timm": "stages.2"}
"""Where Grad-CAM looks in the networks named above; `visual.layer_names(model)` lists the layers of others."""


def network(library, name, weights):
    """A network (B, 3, H, W) -> logits, in eval mode."""
    if library == "torchvision":
        from torchvision import models

        return models.get_model(name, weights="DEFAULT" if weights else None).eval()
    import timm

    return timm.create_model(name, pretrained=weights).eval()


def sheet(model, photo, layer, title):
    """A figure of what the lenses see in `photo` (3, H, W), 0 to 1, with a network that takes such pictures."""
    with torch.no_grad():
        answer = int(model(photo[None]).argmax())
    cam = visual.heat_of(visual.grad_cam(model, photo[None], layer, answer))[0]
    gradients = visual.heat_of(visual.integrated_gradients(model, photo[None], answer, steps=8).values)[0]
    optima = visual.optimize(model, visual.filters(layer, range(3)), visual.Pixels((3, SIDE, SIDE)), steps=32).inputs
    seen = visual.as_picture(photo)
    pictures = [seen, visual.overlay(seen, cam), visual.overlay(seen, gradients)]
    pictures += [visual.as_picture(each) for each in visual.normalised(optima)]
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
