<?php
// What Symfony would do: the events that the subscriber names are dispatched, and the request ends.

namespace Symfony\Component\EventDispatcher {
    interface EventSubscriberInterface
    {
        public static function getSubscribedEvents();
    }
}

namespace Psr\Log {
    interface LoggerInterface
    {
    }
}

namespace {
    require $argv[1];
    [, , $happened, $id] = $argv;

    /** An entity with these getters and no other. */
    final class Entity
    {
        public function __construct(private array $values)
        {
        }

        public function __call(string $name, array $arguments): mixed
        {
            return array_key_exists($name, $this->values) ? $this->values[$name] : throw new BadMethodCallException($name);
        }
    }

    final class Log implements Psr\Log\LoggerInterface
    {
        public function error(string $message): void
        {
            fwrite(STDERR, $message);
        }
    }

    function item(int $id, string $name, int $quantity, int $price, int $total): Entity
    {
        return new Entity([
            'getProduct' => new Entity(['getId' => $id]), 'getVariant' => new Entity(['getId' => 100 + $id, 'getCode' => "SKU-$id"]),
            'getProductName' => $name, 'getQuantity' => $quantity, 'getUnitPrice' => $price, 'getTotal' => $total,
        ]);
    }

    $customer = new Entity([
        'getId' => 31, 'getEmail' => "$id@example.com", 'getFirstName' => 'Ana', 'getLastName' => 'Exemplo', 'getPhoneNumber' => null,
        'getBirthday' => new DateTime('1990-12-31'), 'getCreatedAt' => new DateTime('2026-01-05T07:00:00-03:00'), 'isSubscribedToNewsletter' => true,
    ]);
    $order = new Entity([
        'getId' => $id, 'getNumber' => '000000042', 'getState' => 'new', 'getCurrencyCode' => 'BRL', 'getTotal' => 19890, 'getShippingTotal' => 1890,
        'getCheckoutCompletedAt' => new DateTime('2026-03-10T09:14:02-03:00'), 'getUpdatedAt' => null, 'getPromotionCoupon' => null,
        'getChannel' => new Entity(['getCode' => 'WEB']), 'getItems' => [item(1, 'Caneca', 2, 6500, 11700), item(2, 'Luminária', 1, 7000, 6300)],
        'getCustomer' => $customer, 'getBillingAddress' => new Entity(['getPhoneNumber' => '+12025550142', 'getCountryCode' => 'US']),
    ]);
    $listener = new App\EventListener\LoyaltyBridge(getenv('WEBHOOK_URL'), getenv('WEBHOOK_SECRET'), new Log(), [0, 0]);
    $methods = App\EventListener\LoyaltyBridge::getSubscribedEvents();
    $subject = str_contains($happened, 'customer') ? $customer : $order;
    $listener->{$methods[$happened]}(new Entity(['getSubject' => $subject]));
    $listener->{$methods['kernel.terminate']}();
    $listener->{$methods['console.terminate']}(); // nothing is left to be sent
}
