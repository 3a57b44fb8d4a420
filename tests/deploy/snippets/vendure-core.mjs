// What the plugin takes of @vendure/core.
export class EventBus {}
export class JobQueueService {}
export class OrderService {}
export class PluginCommonModule {}
export class OrderStateTransitionEvent {}
export class RefundStateTransitionEvent {}
export class CustomerEvent {}
export const VendurePlugin = () => () => undefined
export const Logger = { error: (message) => console.error(message) }
