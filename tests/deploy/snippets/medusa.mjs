// What Medusa would do: the subscriber is called with an event, and asks `query` for entities of the documented shape.
import * as snippet from "./snippet.mjs"

const [, , happened, id] = process.argv
snippet.waits.fill(0)
class BigNumber { // totals are such objects: https://docs.medusajs.com/resources/test-tools-reference/normalizeBigNumbers
  constructor(numeric) { this.numeric = numeric }
  valueOf() { return this.numeric }
}
const big = (numeric) => new BigNumber(numeric)
const customer = {
  id: `cus_${id}`, email: `${id}@example.com`, first_name: "Ana", last_name: "Exemplo", phone: "+12025550142", has_account: true,
  created_at: new Date("2026-01-05T10:00:00Z"),
}
const refunded = happened === "payment.refunded" ? 58.5 : 0
const order = {
  id, display_id: 1042, status: happened === "order.canceled" ? "canceled" : "pending", currency_code: "brl", email: customer.email,
  created_at: new Date("2026-03-10T12:14:02Z"), updated_at: new Date("2026-03-10T12:14:30Z"),
  canceled_at: happened === "order.canceled" ? new Date("2026-03-11T09:00:00Z") : null,
  total: big(198.9 - refunded), item_total: big(180), shipping_total: big(18.9), customer, billing_address: { phone: null, country_code: "br" },
  items: [
    { product_id: "prod_1", variant_id: "variant_1", variant_sku: "CAN-AZUL", product_title: "Caneca", thumbnail: null, unit_price: 65, quantity: 2, total: big(117) },
    { product_id: "prod_2", variant_id: "variant_2", variant_sku: "LUM-01", product_title: "Luminária", thumbnail: null, unit_price: 70, quantity: 1, total: big(63) },
  ],
  promotions: [{ code: "BEMVINDO10" }],
  payment_collections: [{ captured_amount: happened === "order.placed" ? 0 : 198.9, refunded_amount: refunded }],
}
const entities = {
  order, customer, payment: { payment_collection_id: "pay_col_1" }, payment_collection: { order: { id } },
}
const container = { resolve: () => ({ graph: async ({ entity }) => ({ data: [entities[entity]] }) }) }

if (![].concat(snippet.config.event).includes(happened)) throw new Error(`nobody listens to ${happened}`)
await snippet.default({ event: { name: happened, data: { id: happened.startsWith("customer.") ? customer.id : id } }, container })
