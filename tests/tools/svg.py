"""Reads an SVG file with a strict parser, and prints its root's name, its texts, and how many dashed lines it has, as JSON."""

import json
import sys
import xml.etree.ElementTree as ElementTree

SVG = "{http://www.w3.org/2000/svg}"

root = ElementTree.parse(sys.argv[1]).getroot()
texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
dashed = [line for line in root.iter() if line.get("stroke-dasharray")]
print(json.dumps({"root": root.tag.removeprefix(SVG), "texts": texts, "dashed": len(dashed)}))
