"""TFC, the fully connected network of FINN's examples (784-64-64-64-10, 2-bit weights and activations), in Brevitas.

Trained on scikit-learn's digits for some seconds, with three quarters of its weights cut on the way; writes tfc.onnx (QONNX)
and digits.npz (X, y) into the present folder."""

import numpy as np
import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantIdentity, QuantLinear, QuantReLU
from sklearn.datasets import load_digits
from torch.nn import BatchNorm1d, Linear, Sequential

torch.manual_seed(0)
torch.set_num_threads(1)  # layers of 64 gain nothing by more
digits, y = load_digits(return_X_y=True)
x = np.kron(digits.reshape(-1, 8, 8), np.ones((3, 3)))
x = np.pad(x, ((0, 0), (2, 2), (2, 2))).reshape(len(y), 784).astype(np.float32) / 16


def layer(inputs: int, outputs: int) -> list:
    return [QuantLinear(inputs, outputs, bias=False, weight_bit_width=2), BatchNorm1d(outputs)]


net = Sequential(QuantIdentity(bit_width=2, signed=False), *layer(784, 64), QuantReLU(bit_width=2), *layer(64, 64), QuantReLU(bit_width=2),
                 *layer(64, 64), QuantReLU(bit_width=2), *layer(64, 10))
linears = [module for module in net if isinstance(module, Linear)]
masks = [torch.ones_like(linear.weight) for linear in linears]
optimiser = torch.optim.Adam(net.parameters(), 1e-2)
inputs, labels = torch.tensor(x), torch.tensor(y)
for epoch in range(15):
    if epoch in (4, 8):
        masks = [(linear.weight.abs() > linear.weight.abs().quantile(0.5 if epoch == 4 else 0.75)).float() for linear in linears]
    for batch in torch.randperm(1347).split(128):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs[batch]), labels[batch]).backward()
        optimiser.step()
        with torch.no_grad():
            for linear, mask in zip(linears, masks):
                linear.weight *= mask

net.eval()
with torch.no_grad():
    right = (net(inputs[1347:]).argmax(1) == labels[1347:]).float().mean()
print(f"{right:.3f} of the digits that it was not trained on are right")
export_qonnx(net, torch.zeros(1, 784), "tfc.onnx", dynamo=False)
np.savez("digits.npz", X=x, y=y)
