"""A training run as a process of its own, to be killed or started by torchrun: train_small.py RUN OPTIONS_AS_JSON."""

import json
import sys
from pathlib import Path

import torch

from cnn_core.nn.architecture import ConvNetConfig
from cnn_core.nn.network import ConvNet
from cnn_core.training import distributed, engine
from cnn_core.training.data import Split
from cnn_core.training.recipe import FitConfig


def main() -> None:
    run, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randint(0, 256, (options["samples"], 1, 12, 12), generator=generator, dtype=torch.uint8)
    targets = (inputs[:, 0, :6].float().mean((1, 2)) > inputs[:, 0, 6:].float().mean((1, 2))).long()
    torch.manual_seed(3)
    net = ConvNetConfig((1, 12, 12), 2, (6, 8), hidden=(16,), **options.get("net", {}))
    model = ConvNet(net, Scale())
    if options.get("double"):
        model.double()
    with distributed.process_group("cpu") as here:
        fit = engine.fit(
            model,
            Split(inputs, targets),
            FitConfig(precision="fp32", **options["fit"]),
            validation=Split(inputs[:50], targets[:50]),
            seed=5,
            run=run,
            resume=options.get("resume", False),
            progress=False,
            # Tells the test that an epoch has ended.
            on_epoch=lambda entry: print(json.dumps(entry), flush=True),
        )
        if here.main:
            torch.save(model.state_dict(), run / "final.pt")
            (run / "history.json").write_text(json.dumps(fit.history))


class Scale(torch.nn.Module):
    """Pixels to numbers of the weights' own type."""

    def __init__(self):
        super().__init__()
        self.register_buffer("middle", torch.tensor(0.5))

    def forward(self, x):
        return x.to(self.middle.dtype) / 255 - self.middle


if __name__ == "__main__":
    main()
