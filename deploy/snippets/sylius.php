<?php
// Sylius 2 (1.13 and later with the state machine `symfony_workflow`): src/EventListener/LoyaltyBridge.php, found by
// autoconfiguration.  Set WEBHOOK_URL (https://bridge.example/webhooks/my-shop) and WEBHOOK_SECRET (whsec_...).
//
// Transitions: https://github.com/Sylius/Sylius, CoreBundle/Resources/config/app/workflow/sylius_order*.php
// Events:      https://docs.sylius.com/the-book/architecture/events
// Amounts:     hundredths in every currency, as Sylius formats them; an item's total has discounts and tax, and the
//              shipping total its tax.  Only the refund of a whole order is told: RefundPlugin has events of its own.
//
// What happened during a request is sent after its answer, when all of it is in the database.

declare(strict_types=1);

namespace App\EventListener;

use Psr\Log\LoggerInterface;
use Symfony\Component\DependencyInjection\Attribute\Autowire;
use Symfony\Component\EventDispatcher\EventSubscriberInterface;

final class LoyaltyBridge implements EventSubscriberInterface
{
    private array $waiting = [];

    public function __construct(
        #[Autowire('%env(WEBHOOK_URL)%')] private string $url,
        #[Autowire('%env(WEBHOOK_SECRET)%')] private string $secret,
        private LoggerInterface $logger,
        private array $waits = [1, 10],
    ) {
    }

    public static function getSubscribedEvents(): array
    {
        return [
            'workflow.sylius_order_payment.completed.pay' => 'paid',
            'workflow.sylius_order.completed.fulfill' => 'completed',
            'workflow.sylius_order.completed.cancel' => 'cancelled',
            'workflow.sylius_order_payment.completed.refund' => 'refunded',
            'sylius.customer.post_register' => 'created',
            'sylius.customer.post_update' => 'updated',
            'kernel.terminate' => 'send',
            'console.terminate' => 'send',
        ];
    }

    public function paid(object $event): void { $this->waiting[] = ['order.paid', $event->getSubject()]; }
    public function completed(object $event): void { $this->waiting[] = ['order.completed', $event->getSubject()]; }
    public function cancelled(object $event): void { $this->waiting[] = ['order.cancelled', $event->getSubject()]; }
    public function refunded(object $event): void { $this->waiting[] = ['order.refunded', $event->getSubject()]; }
    public function created(object $event): void { $this->waiting[] = ['customer.created', $event->getSubject()]; }
    public function updated(object $event): void { $this->waiting[] = ['customer.updated', $event->getSubject()]; }

    public function send(): void
    {
        foreach ($this->waiting as [$type, $subject]) {
            $data = str_starts_with($type, 'order.') ? $this->order($type, $subject) : $this->person($subject);
            $this->post($type, $data);
        }
        $this->waiting = [];
    }

    private function order(string $type, object $order): array
    {
        $items = [];
        foreach ($order->getItems() as $item) {
            $items[] = [
                'id' => $item->getProduct()?->getId(), 'variant_id' => $item->getVariant()?->getId(), 'sku' => $item->getVariant()?->getCode(),
                'name' => $item->getProductName(), 'quantity' => $item->getQuantity(),
                'price' => self::money($item->getUnitPrice()), 'total' => self::money($item->getTotal()),
            ];
        }
        $refunded = $type === 'order.refunded';
        return [
            'id' => $order->getId(), 'number' => $order->getNumber(), 'status' => $order->getState(), 'currency' => $order->getCurrencyCode(),
            'placed_at' => $order->getCheckoutCompletedAt()->format(DATE_ATOM), 'updated_at' => $order->getUpdatedAt()?->format(DATE_ATOM),
            'coupon' => $order->getPromotionCoupon()?->getCode(), 'channel' => $order->getChannel()?->getCode(),
            'total' => self::money($order->getTotal()), 'shipping' => self::money($order->getShippingTotal()), 'taxes_included' => true,
            'refunded' => self::money($refunded ? $order->getTotal() - $order->getShippingTotal() : 0), 'fully_refunded' => $refunded,
            'items' => $items, 'customer' => $this->person($order->getCustomer(), $order->getBillingAddress()),
        ];
    }

    private function person(object $customer, ?object $address = null): array
    {
        return [
            'id' => $customer->getId(), 'email' => $customer->getEmail(), 'first_name' => $customer->getFirstName(), 'last_name' => $customer->getLastName(),
            'phone' => $customer->getPhoneNumber() ?? $address?->getPhoneNumber(), 'country' => $address?->getCountryCode(),
            'birthday' => $customer->getBirthday()?->format('Y-m-d'), 'registered_at' => $customer->getCreatedAt()?->format(DATE_ATOM),
            'accepts_marketing' => $customer->isSubscribedToNewsletter(),
        ];
    }

    private static function money(int $hundredths): string
    {
        return number_format($hundredths / 100, 2, '.', '');
    }

    private function post(string $type, array $data): void
    {
        $id = 'msg_' . bin2hex(random_bytes(16)); // the same for every attempt
        $body = json_encode(['type' => $type, 'timestamp' => gmdate(DATE_ATOM), 'data' => $data], JSON_THROW_ON_ERROR);
        $key = base64_decode(preg_replace('/^whsec_/', '', $this->secret));
        foreach ([...$this->waits, null] as $wait) {
            $stamp = (string) time();
            $signature = base64_encode(hash_hmac('sha256', "$id.$stamp.$body", $key, true));
            $headers = "content-type: application/json\r\nwebhook-id: $id\r\nwebhook-timestamp: $stamp\r\nwebhook-signature: v1,$signature";
            $http = ['method' => 'POST', 'header' => $headers, 'content' => $body, 'timeout' => 20, 'ignore_errors' => true];
            $answer = @file_get_contents($this->url, false, stream_context_create(['http' => $http]));
            $status = $answer === false ? 0 : (int) explode(' ', $http_response_header[0])[1];
            if ($status === 200) {
                return;
            }
            if ($wait === null || ($status > 0 && $status < 500 && $status !== 429)) {
                $this->logger->error("webhook $id of $type was not accepted: " . ($status ?: 'no answer'));
                return;
            }
            sleep($wait);
        }
    }
}
