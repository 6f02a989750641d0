#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fetches the console's two libraries with npm and copies their files unchanged into webui-static/lib/, where the page loads them from.
set -euo pipefail
cd "$(dirname "$0")/../webui-static"
want=$(sha256sum package.json package-lock.json | sha256sum | cut -c1-16)
[ "$(cat lib/.version 2>/dev/null)" = "$want" ] && exit
npm ci --no-audit --no-fund --ignore-scripts --silent
rm -rf lib
mkdir lib
cp node_modules/htm/preact/standalone.module.js lib/preact.js
cp node_modules/uplot/dist/uPlot.esm.js lib/uplot.js
cp node_modules/uplot/dist/uPlot.min.css lib/uplot.css
echo "$want" >lib/.version
rm -rf node_modules
