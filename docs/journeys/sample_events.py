"""Stands in for a reader's own files: events.csv, 8,000 events of three overlapping kinds, and net.pt, a float network trained on them.

Both are written into the present folder; the features are standardised for the network, as most people do."""

import numpy as np
import pandas as pd
import torch

rng = np.random.default_rng(3)
y = rng.integers(0, 3, 8000)
x = (rng.normal(size=(3, 5))[y] * 1.3 + rng.normal(size=(8000, 5))) * [30, 1, 40, 0.02, 0.3] + [60, 0, 90, 0, 0.5]
frame = pd.DataFrame(x, columns=["pt", "eta", "mass", "d0", "tau21"])
frame = frame.assign(event=np.arange(8000) + 100_000, kind=np.array(["signal", "b", "light"])[y])
frame.to_csv("events.csv", index=False)

torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(5, 16), torch.nn.ReLU(), torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
inputs = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
labels = torch.tensor(np.unique(frame.kind, return_inverse=True)[1])
optimiser = torch.optim.Adam(net.parameters(), 0.02)
for _ in range(200):
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(net(inputs), labels).backward()
    optimiser.step()
torch.save(net.state_dict(), "net.pt")
