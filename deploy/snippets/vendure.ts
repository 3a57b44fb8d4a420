// Vendure 2 and later: src/plugins/bridge.plugin.ts, and BridgePlugin among `plugins` of the config.  Set WEBHOOK_URL
// (https://bridge.example/webhooks/my-shop) and WEBHOOK_SECRET (whsec_...) for the server and the worker.
//
// Events: https://docs.vendure.io/current/core/developer-guide/events
// Queue:  https://docs.vendure.io/current/core/developer-guide/worker-job-queue
// Lines:  https://docs.vendure.io/current/core/reference/typescript-api/entities/order-line
// Money:  https://docs.vendure.io/current/core/core-concepts/money
//
// A job is tried again by the queue, with the same webhook-id.  What was cancelled has quantity 0, so a cancelled or
// refunded order is told as it was placed.
import { createHmac, randomUUID } from "node:crypto"
import { CustomerEvent, EventBus, JobQueueService, Logger, OrderService, OrderStateTransitionEvent, PluginCommonModule,
  RefundStateTransitionEvent, VendurePlugin, type ID, type JobQueue, type RequestContext } from "@vendure/core"
import type { OnApplicationBootstrap } from "@nestjs/common"

const TYPES: Record<string, string> = { PaymentSettled: "order.paid", Delivered: "order.completed", Cancelled: "order.cancelled" }
const RELATIONS = ["lines", "lines.productVariant", "customer", "customer.user", "payments", "payments.refunds", "surcharges", "shippingLines"]

@VendurePlugin({ imports: [PluginCommonModule], compatibility: ">=2.0.0" })
export class BridgePlugin implements OnApplicationBootstrap {
  private queue!: JobQueue<{ id: string; body: string }>
  constructor(private events: EventBus, private jobs: JobQueueService, private orders: OrderService) {}

  async onApplicationBootstrap() {
    this.queue = await this.jobs.createQueue({ name: "bridge", process: (job) => post(job.data.id, job.data.body) })
    this.events.ofType(OrderStateTransitionEvent).subscribe((event) => {
      const type = TYPES[event.toState]
      if (type) this.order(type, event.ctx, event.order.id).catch(tell)
    })
    this.events.ofType(RefundStateTransitionEvent).subscribe((event) => {
      if (event.toState === "Settled") this.order("order.refunded", event.ctx, event.order.id).catch(tell)
    })
    this.events.ofType(CustomerEvent).subscribe((event) => {
      if (event.type !== "deleted") this.add(`customer.${event.type}`, person(event.entity)).catch(tell)
    })
  }

  async order(type: string, ctx: RequestContext, id: ID) {
    const order: any = await this.orders.findOne(ctx, id, RELATIONS as any)
    // The minor unit of the currency: JPY has no decimals, whatever the interface shows.
    const digits = new Intl.NumberFormat("en", { style: "currency", currency: order.currencyCode }).resolvedOptions().maximumFractionDigits!
    const money = (minor: number) => (minor / 10 ** digits).toFixed(digits)
    const whole = type === "order.cancelled" || type === "order.refunded"
    const lines = order.lines.map((line: any) => {
      const quantity = whole ? Math.max(line.quantity, line.orderPlacedQuantity) : line.quantity
      return { line, quantity, total: quantity === line.quantity ? line.proratedLinePriceWithTax : line.proratedUnitPriceWithTax * quantity }
    })
    const sum = (amounts: number[]) => amounts.reduce((all, one) => all + one, 0)
    const surcharges = order.surcharges.map((one: any) => one.priceWithTax)
    const refunds = order.payments.flatMap((one: any) => one.refunds).filter((one: any) => one.state === "Settled")
    await this.add(type, {
      id: order.id, number: order.code, status: order.state, currency: order.currencyCode, coupon: order.couponCodes[0],
      placed_at: order.orderPlacedAt, updated_at: order.updatedAt, taxes_included: true, payment: { id: order.payments[0]?.method },
      total: money(sum([...lines.map((one: any) => one.total), ...surcharges, order.shippingWithTax])), shipping: money(order.shippingWithTax),
      fees: money(sum(surcharges.filter((amount: number) => amount > 0))),
      refunded: money(sum(refunds.map((one: any) => one.total - one.shipping))),
      customer: order.customer && person(order.customer),
      items: lines.map(({ line, quantity, total }: any) => ({ id: line.productVariant.productId, variant_id: line.productVariant.id,
        sku: line.productVariant.sku, name: line.productVariant.name, quantity, price: money(line.unitPriceWithTax), total: money(total) })),
    })
  }

  add(type: string, data: object) {
    const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data })
    return this.queue.add({ id: `msg_${randomUUID()}`, body }, { retries: 20 })
  }
}

const tell = (error: Error) => Logger.error(error.message, "BridgePlugin", error.stack) // nothing may end the server

const person = (one: any) => ({ id: one.id, email: one.emailAddress, first_name: one.firstName, last_name: one.lastName,
  phone: one.phoneNumber, registered_at: one.createdAt })

async function post(id: string, body: string) {
  const { WEBHOOK_URL = "", WEBHOOK_SECRET = "" } = process.env
  const stamp = String(Math.floor(Date.now() / 1000))
  const key = Buffer.from(WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64")
  const signature = createHmac("sha256", key).update(`${id}.${stamp}.${body}`).digest("base64")
  const headers = { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": `v1,${signature}` }
  const answer = await fetch(WEBHOOK_URL, { method: "POST", headers, body, signal: AbortSignal.timeout(20_000) })
  if (answer.status !== 200) throw new Error(`webhook ${id} was not accepted: ${answer.status}`)
}
