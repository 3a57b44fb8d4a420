<?php
// What PrestaShop would do: the module is installed, a hook is executed, and the page ends.

date_default_timezone_set('America/Sao_Paulo'); // PS_TIMEZONE
[, , $happened, $id] = $argv;

class Module
{
    public function __construct()
    {
    }

    public function install()
    {
        return true;
    }

    public function registerHook($hooks)
    {
        foreach ($hooks as $hook) {
            if (!method_exists($this, "hook$hook")) {
                throw new LogicException("no method for $hook");
            }
        }
        return true;
    }
}
class Configuration
{
    public static function get($name)
    {
        $known = ['PS_OS_CANCELED' => '6', 'PS_OS_REFUND' => '7', 'LOYALTY_BRIDGE_URL' => getenv('WEBHOOK_URL'), 'LOYALTY_BRIDGE_SECRET' => getenv('WEBHOOK_SECRET')];
        return $known[$name];
    }
}
class PrestaShopLogger
{
    public static function addLog($message, $severity)
    {
        fwrite(STDERR, $message);
    }
}
class Order
{
    public $reference = 'XKBKNABJK', $id_customer = 31, $id_currency = 1, $id_address_invoice = 4, $module = 'ps_wirepayment', $payment = 'Pix';
    public $date_add = '2026-03-10 09:14:02', $date_upd = '2026-03-10 09:14:30', $total_paid_tax_incl = '198.900000', $total_shipping_tax_incl = '18.900000';
    public $id;

    public function __construct($id)
    {
        $this->id = $id;
    }

    public function getProducts()
    {
        return [
            ['product_id' => '1', 'product_attribute_id' => '5', 'product_reference' => 'CAN-AZUL', 'product_name' => 'Caneca', 'product_quantity' => '2',
                'unit_price_tax_incl' => '65.000000', 'total_price_tax_incl' => '130.000000'],
            ['product_id' => '2', 'product_attribute_id' => '0', 'product_reference' => 'LUM-01', 'product_name' => 'Luminária', 'product_quantity' => '1',
                'unit_price_tax_incl' => '70.000000', 'total_price_tax_incl' => '70.000000'],
        ];
    }
}
class OrderSlip
{
    public static $slips = [];

    public static function getOrdersSlip($customer, $order)
    {
        return self::$slips;
    }
}
class Currency
{
    public $iso_code = 'BRL';
}
class Customer
{
    public $id = '31', $is_guest = '0', $email, $firstname = 'Ana', $lastname = 'Exemplo', $birthday = '0000-00-00', $date_add = '2026-01-05 07:00:00', $newsletter = '1';

    public function __construct()
    {
        $this->email = $GLOBALS['id'] . '@example.com';
    }
}
class Address
{
    public $phone_mobile = '', $phone = '+12025550142', $id_country = 21, $dni = '123.456.789-09', $vat_number = '';
}
class Country
{
    public static function getIsoById($id)
    {
        return 'US';
    }
}
class OrderState
{
    public $id, $paid, $shipped, $name;

    public function __construct($id, $paid, $shipped, $name)
    {
        [$this->id, $this->paid, $this->shipped, $this->name] = [$id, $paid, $shipped, $name];
    }
}

require $argv[1];
$module = new LoyaltyBridge();
$module->waits = [0, 0];
$module->install();
$number = (int) $id; // hooks tell the id of an order as a number
$waiting = new OrderState(10, '0', '0', 'Awaiting payment');
$paid = new OrderState(2, '1', '0', 'Payment accepted');
$change = function ($new, $old) use ($module, $number) {
    $module->hookActionOrderStatusPostUpdate(['newOrderStatus' => $new, 'oldOrderStatus' => $old, 'id_order' => $number]);
};
switch ($happened) {
    case 'paid':
        $change($paid, $waiting);
        break;
    case 'shipped':
        $change(new OrderState(4, '1', '1', 'Shipped'), $paid);
        break;
    case 'cancelled':
        $change(new OrderState(6, '0', '0', 'Canceled'), $paid);
        break;
    case 'paid no more': // a status of the merchant's own
        $change(new OrderState(42, '0', '0', 'Bounced'), $paid);
        break;
    case 'waiting': // is nothing to tell
        $change($waiting, null);
        break;
    case 'slip':
        OrderSlip::$slips = [['total_products_tax_incl' => '58.500000'], ['total_products_tax_incl' => '0.000000']];
        $module->hookActionOrderSlipAdd(['order' => new Order($number)]);
        break;
    case 'customer':
        $module->hookActionCustomerAccountAdd(['newCustomer' => new Customer()]);
}
