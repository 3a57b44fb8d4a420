#!/bin/sh
# A shop of one's own, with openssl and curl: sh shop.sh order.paid < order.json, an order in the words of
# store-event.schema.json.  WEBHOOK_URL is https://bridge.example/webhooks/my-shop, WEBHOOK_SECRET begins with whsec_.
#
# Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
set -eu
type=$1
happened=$(date -u +%Y-%m-%dT%H:%M:%SZ)
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{ printf '{"type":"%s","timestamp":"%s","data":' "$type" "$happened"; cat; printf '}'; } >"$body"
key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
id=msg_$(openssl rand -hex 16) # the same for every attempt
for wait in ${WEBHOOK_WAITS-1 10 60} last; do
  stamp=$(date +%s)
  signature=$({ printf '%s.%s.' "$id" "$stamp"; cat "$body"; } | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
  status=$(curl -s -o /dev/null -w '%{http_code}' -m 20 --data-binary "@$body" -H 'content-type: application/json' \
    -H "webhook-id: $id" -H "webhook-timestamp: $stamp" -H "webhook-signature: v1,$signature" "$WEBHOOK_URL") || status=000
  case $status in
    200) exit 0 ;;
    000 | 429 | 5??) [ "$wait" = last ] || { sleep "$wait"; continue; } ;;
  esac
  echo "webhook $id of $type was not accepted: $status" >&2
  exit 1
done
