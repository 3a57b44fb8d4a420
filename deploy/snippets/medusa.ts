// Medusa 2: src/subscribers/bridge.ts.  Set WEBHOOK_URL (https://bridge.example/webhooks/my-shop) and
// WEBHOOK_SECRET (whsec_...) in the environment of the server and its workers.
//
// Subscribers: https://docs.medusajs.com/learn/fundamentals/events-and-subscribers
// Events:      https://docs.medusajs.com/resources/references/events
// Totals:      https://docs.medusajs.com/resources/commerce-modules/order/order-totals
// Payments:    https://docs.medusajs.com/resources/commerce-modules/payment/links-to-other-modules
//
// Amounts are major units.  `total` of an order gets less with every refund, so goods and shipping
// are added up.  Store credit is not told apart from them; a refund counts as one of goods.
import { createHmac, randomUUID } from "node:crypto"
import type { SubscriberArgs, SubscriberConfig } from "@medusajs/framework"

const TYPES: Record<string, string> = {
  "order.placed": "order.paid", // where the payment is captured at once
  "payment.captured": "order.paid",
  "order.completed": "order.completed",
  "order.canceled": "order.cancelled",
  "payment.refunded": "order.refunded",
  "customer.created": "customer.created",
  "customer.updated": "customer.updated",
}
const FIELDS = ["id", "display_id", "status", "currency_code", "created_at", "updated_at", "canceled_at", "email",
  "total", "item_total", "shipping_total", "customer.*", "billing_address.*", "items.*", "promotions.code",
  "payment_collections.captured_amount", "payment_collections.refunded_amount"]
const money = (amount: unknown) => String(Number(amount ?? 0)) // a BigNumber, a number or text
const sum = (amounts: unknown[]) => amounts.reduce((all: number, one) => all + Number(one ?? 0), 0)

export const config: SubscriberConfig = { event: Object.keys(TYPES) }

export default async function bridge({ event, container }: SubscriberArgs<{ id: string }>) {
  const query = container.resolve("query")
  const get = async (entity: string, id: string, fields: string[]): Promise<any> =>
    (await query.graph({ entity, fields, filters: { id } })).data[0]
  const type = TYPES[event.name]
  if (type.startsWith("customer.")) {
    return send(type, person(await get("customer", event.data.id, ["*"])))
  }
  let id: string | undefined = event.data.id
  if (event.name.startsWith("payment.")) { // the id of the payment: its collection knows the order
    const payment = await get("payment", id, ["payment_collection_id"])
    id = (await get("payment_collection", payment.payment_collection_id, ["order.id"])).order?.id
  }
  const order = id && (await get("order", id, FIELDS))
  const captured = order && sum(order.payment_collections.map((one: any) => one.captured_amount))
  if (!order || (type === "order.paid" && captured < Number(order.total))) return
  await send(type, {
    id: order.id, number: order.display_id, status: order.status, currency: order.currency_code,
    placed_at: order.created_at, updated_at: order.updated_at, cancelled_at: order.canceled_at,
    coupon: order.promotions?.[0]?.code, taxes_included: true,
    total: money(sum([order.item_total, order.shipping_total])), shipping: money(order.shipping_total),
    refunded: money(sum(order.payment_collections.map((one: any) => one.refunded_amount))),
    customer: person(order.customer ?? {}, order.email, order.billing_address),
    items: order.items.map((line: any) => ({
      id: line.product_id, variant_id: line.variant_id, sku: line.variant_sku, name: line.product_title ?? line.title,
      image_url: line.thumbnail, quantity: money(line.quantity), price: money(line.unit_price), total: money(line.total),
    })),
  })
}

const person = (one: any, email = one.email, address: any = {}) => ({
  id: one.has_account ? one.id : null, email, first_name: one.first_name, last_name: one.last_name,
  phone: one.phone ?? address?.phone, country: address?.country_code, registered_at: one.has_account ? one.created_at : null,
})

export const waits = [1, 10, 60] // seconds between two attempts

async function send(type: string, data: object) {
  const { WEBHOOK_URL = "", WEBHOOK_SECRET = "" } = process.env
  const id = `msg_${randomUUID()}` // the same for every attempt
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data })
  const key = Buffer.from(WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64")
  for (const wait of [...waits, undefined]) {
    const stamp = String(Math.floor(Date.now() / 1000))
    const signature = createHmac("sha256", key).update(`${id}.${stamp}.${body}`).digest("base64")
    const headers = { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": `v1,${signature}` }
    const status = await fetch(WEBHOOK_URL, { method: "POST", headers, body, signal: AbortSignal.timeout(20_000) })
      .then((answer) => answer.status, () => 0)
    if (status === 200) return
    if (wait === undefined || (status > 0 && status < 500 && status !== 429)) {
      throw new Error(`webhook ${id} of ${type} was not accepted: ${status || "no answer"}`)
    }
    await new Promise((done) => setTimeout(done, wait * 1000))
  }
}
