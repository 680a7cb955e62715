#!/usr/bin/env bash
set -euo pipefail

response=$(mktemp)                                      # one for each copy that runs
trap 'rm -f "$response"' EXIT
hold=$(budgetctl reserve alice 0.05 --ttl 5m --quiet)   # exit code 3, and a reason, when it is not allowed
if curl -sS --fail https://api.openai.com/v1/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" \
    -H 'Content-Type: application/json' -d @examples/request.json -o "$response"; then
    budgetctl commit "$hold" --response "$response"     # what it did cost, more or less
else
    budgetctl release "$hold"
fi
