"""Networks whose every weight, feature and neuron has a width of its own, learned under a price for LUTs: method `widths`."""
