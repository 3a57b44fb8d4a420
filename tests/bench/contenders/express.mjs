// Express with Shopify's own SDK and undici: node express.mjs PORT DESTINATION SECRET
// Deduplicates nothing, stores nothing.

import "@shopify/shopify-api/adapters/node";
import { shopifyApi, ApiVersion } from "@shopify/shopify-api";
import express from "express";
import { Agent, request } from "undici";

const [port, destination, secret] = process.argv.slice(2);
const shopify = shopifyApi({
  apiKey: "key",
  apiSecretKey: secret,
  apiVersion: Object.values(ApiVersion).at(-1),
  hostName: "127.0.0.1",
  isEmbeddedApp: false,
  logger: { level: 0 },
});
const dispatcher = new Agent({ connections: 64 });

const order = (body) => ({
  OriginalId: String(body.id),
  OrderTotal: Number(body.total_price),
  OrderDate: body.created_at,
  IsPaid: body.financial_status === "paid",
  Customer: {
    OriginalId: String(body.customer.id),
    Email: body.customer.email,
    Name: `${body.customer.first_name} ${body.customer.last_name}`,
  },
  Items: body.line_items.map((line) => ({
    OriginalId: String(line.id),
    Name: line.title,
    Quantity: line.quantity,
    Price: Number(line.price),
  })),
});

const app = express();
app.post("/webhooks/:store", express.text({ type: "*/*", limit: "2mb" }), async (req, res) => {
  const { valid } = await shopify.webhooks.validate({
    rawBody: req.body,
    rawRequest: req,
    rawResponse: res,
  });
  if (!valid) return res.sendStatus(401);
  const answer = await request(destination, {
    dispatcher,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(order(JSON.parse(req.body))),
  });
  await answer.body.dump();
  res.sendStatus(answer.statusCode < 300 ? 200 : 502);
});
app.listen(Number(port), "127.0.0.1");
