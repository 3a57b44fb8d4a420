// What Vendure would do: the plugin starts, an event is published, and the queue works its jobs off, again where one fails.
import * as core from "@vendure/core"
import { BridgePlugin } from "./snippet.mjs"

const [, , happened, id] = process.argv
const subscribers = new Map()
const bus = { ofType: (type) => ({ subscribe: (listener) => subscribers.set(type, listener) }) }
const queued = []
let work
const jobs = {
  createQueue: async ({ process }) => {
    work = process
    return { add: async (data, options) => queued.push({ data: JSON.parse(JSON.stringify(data)), ...options }) }
  },
}
const customer = {
  id: 31, emailAddress: `${id}@example.com`, firstName: "Ana", lastName: "Exemplo", phoneNumber: "+12025550142",
  createdAt: new Date("2026-01-05T10:00:00Z"), user: { id: 5 },
}
const cancelled = happened === "Cancelled"
const yen = happened === "PaymentSettledInYen"
const line = (number, name, quantity, listed, unit) => ({
  productVariant: { id: number + 100, productId: number, sku: `SKU-${number}`, name }, quantity: cancelled ? 0 : quantity, orderPlacedQuantity: quantity,
  unitPriceWithTax: listed, proratedUnitPriceWithTax: unit, proratedLinePriceWithTax: cancelled ? 0 : unit * quantity,
})
const order = {
  id, code: "T3D2QXX4RGXHVQNB", state: happened, currencyCode: yen ? "JPY" : "BRL", couponCodes: ["BEMVINDO10"],
  orderPlacedAt: new Date("2026-03-10T12:14:02Z"), updatedAt: new Date("2026-03-10T12:14:30Z"), customer,
  shippingWithTax: yen ? 500 : 1890, surcharges: yen ? [] : [{ priceWithTax: 635 }],
  payments: [{ method: "pix", refunds: happened === "Settled" ? [{ state: "Settled", total: 6850, shipping: 1000 }, { state: "Failed", total: 999, shipping: 0 }] : [] }],
  lines: yen ? [line(1, "湯呑み", 1, 3000, 3000), line(2, "急須", 1, 2000, 2000)] : [line(1, "Caneca", 2, 6500, 5850), line(2, "Luminária", 1, 7000, 6300)],
}
await new BridgePlugin(bus, jobs, { findOne: async () => order }).onApplicationBootstrap()
const events = {
  Settled: [core.RefundStateTransitionEvent, { toState: "Settled", ctx: {}, order }],
  created: [core.CustomerEvent, { type: "created", entity: customer }],
}
const [type, event] = events[happened] ?? [core.OrderStateTransitionEvent, { toState: yen ? "PaymentSettled" : happened, ctx: {}, order }]
subscribers.get(type)(event)
await new Promise((done) => setTimeout(done, 0)) // the listener does not wait for the queue

if (!queued.length) throw new Error(`nothing was queued for ${happened}`)
for (const job of queued) {
  for (let left = Math.min(job.retries, 2); ; left--) {
    try { await work(job); break } catch (error) { if (!left) throw error }
  }
}
