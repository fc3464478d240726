"""The page's charts as Vega-Lite: data and encodings. Colours are variables of page.css, so that they follow light, dark and print."""
