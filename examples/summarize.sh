#!/bin/sh
curl -sS --fail https://api.openai.com/v1/chat/completions -H "Authorization: Bearer $OPENAI_API_KEY" \
    -H 'Content-Type: application/json' -d @examples/request.json -o "$BUDGETCTL_COST_FILE"
