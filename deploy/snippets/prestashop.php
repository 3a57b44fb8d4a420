<?php
// PrestaShop 1.7, 8 and 9: modules/loyaltybridge/loyaltybridge.php.  Install the module, and set LOYALTY_BRIDGE_URL
// (https://bridge.example/webhooks/my-shop) and LOYALTY_BRIDGE_SECRET (whsec_...) in the configuration table.
//
// Hooks: https://devdocs.prestashop-project.org/9/modules/concepts/hooks/list-of-hooks/actionorderstatuspostupdate
//        .../actionorderslipadd, .../actioncustomeraccountadd, .../actioncustomeraccountupdate
// Order: https://devdocs.prestashop-project.org/9/webservice/resources/orders/
//
// Statuses are the merchant's own, so their flags `paid` and `shipped` decide.  One checkout can make several orders
// with one reference: the id is the key.  What happened is sent when the page has been delivered.

class LoyaltyBridge extends Module
{
    public $waits = [1, 10];

    public function __construct()
    {
        $this->name = 'loyaltybridge';
        $this->version = '1.0.0';
        parent::__construct();
        $this->displayName = 'Loyalty bridge';
    }

    public function install()
    {
        return parent::install() && $this->registerHook(
            ['actionOrderStatusPostUpdate', 'actionOrderSlipAdd', 'actionCustomerAccountAdd', 'actionCustomerAccountUpdate']
        );
    }

    public function hookActionOrderStatusPostUpdate($params)
    {
        $new = $params['newOrderStatus'];
        $old = isset($params['oldOrderStatus']) ? $params['oldOrderStatus'] : null;
        $wasPaid = $old && $old->paid;
        $order = new Order((int) $params['id_order']);
        if (in_array((int) $new->id, [(int) Configuration::get('PS_OS_CANCELED'), (int) Configuration::get('PS_OS_REFUND')]) || ($wasPaid && !$new->paid)) {
            $this->later('order.cancelled', $this->order($order, $new->name));
        } elseif ($new->paid && !$wasPaid) {
            $this->later('order.paid', $this->order($order, $new->name));
        } elseif ($new->paid && $new->shipped && !$old->shipped) {
            $this->later('order.completed', $this->order($order, $new->name));
        }
    }

    public function hookActionOrderSlipAdd($params)
    {
        $this->later('order.refunded', $this->order($params['order'], 'refunded'));
    }

    public function hookActionCustomerAccountAdd($params)
    {
        $this->later('customer.created', $this->person($params['newCustomer']));
    }

    public function hookActionCustomerAccountUpdate($params)
    {
        $this->later('customer.updated', $this->person($params['customer']));
    }

    private function order($order, $status)
    {
        $items = [];
        foreach ($order->getProducts() as $row) {
            $items[] = [
                'id' => $row['product_id'], 'variant_id' => $row['product_attribute_id'], 'sku' => $row['product_reference'], 'name' => $row['product_name'],
                'quantity' => $row['product_quantity'], 'price' => $this->money($row['unit_price_tax_incl']), 'total' => $this->money($row['total_price_tax_incl']),
            ];
        }
        $slips = OrderSlip::getOrdersSlip((int) $order->id_customer, (int) $order->id); // of goods; their shipping stands beside it
        return [
            'id' => $order->id, 'number' => $order->reference, 'status' => $status, 'currency' => (new Currency((int) $order->id_currency))->iso_code,
            'placed_at' => $this->moment($order->date_add), 'updated_at' => $this->moment($order->date_upd),
            'payment' => ['id' => $order->module, 'name' => $order->payment], 'taxes_included' => true,
            'total' => $this->money($order->total_paid_tax_incl), 'shipping' => $this->money($order->total_shipping_tax_incl),
            'refunded' => $this->money(array_sum(array_column($slips, 'total_products_tax_incl'))), 'items' => $items,
            'customer' => $this->person(new Customer((int) $order->id_customer), new Address((int) $order->id_address_invoice)),
        ];
    }

    private function person($customer, $address = null)
    {
        $birthday = (string) $customer->birthday;
        return [
            'id' => $customer->is_guest ? null : $customer->id, 'email' => $customer->email, 'first_name' => $customer->firstname, 'last_name' => $customer->lastname,
            'phone' => $address ? ($address->phone_mobile ?: $address->phone) : null, 'country' => $address ? Country::getIsoById((int) $address->id_country) : null,
            'document' => $address ? ($address->dni ?: $address->vat_number) : null, 'birthday' => (int) $birthday ? $birthday : null, // 0000-00-00
            'registered_at' => $customer->is_guest ? null : $this->moment($customer->date_add), 'accepts_marketing' => (bool) $customer->newsletter,
        ];
    }

    private function money($amount)
    {
        return number_format((float) $amount, 6, '.', '');
    }

    private function moment($local)
    {
        return date(DATE_ATOM, strtotime($local)); // PrestaShop sets PHP's zone to the shop's
    }

    private function later($type, $data)
    {
        $id = 'msg_' . bin2hex(random_bytes(16)); // the same for every attempt
        $body = json_encode(['type' => $type, 'timestamp' => gmdate(DATE_ATOM), 'data' => $data]);
        register_shutdown_function(function () use ($id, $type, $body) {
            if (function_exists('fastcgi_finish_request')) {
                fastcgi_finish_request();
            }
            $this->send($id, $type, $body);
        });
    }

    private function send($id, $type, $body)
    {
        $key = base64_decode(preg_replace('/^whsec_/', '', Configuration::get('LOYALTY_BRIDGE_SECRET')));
        foreach (array_merge($this->waits, [null]) as $wait) {
            $stamp = (string) time();
            $signature = base64_encode(hash_hmac('sha256', "$id.$stamp.$body", $key, true));
            $headers = "content-type: application/json\r\nwebhook-id: $id\r\nwebhook-timestamp: $stamp\r\nwebhook-signature: v1,$signature";
            $http = ['method' => 'POST', 'header' => $headers, 'content' => $body, 'timeout' => 20, 'ignore_errors' => true];
            $answer = @file_get_contents(Configuration::get('LOYALTY_BRIDGE_URL'), false, stream_context_create(['http' => $http]));
            $status = $answer === false ? 0 : (int) explode(' ', $http_response_header[0])[1];
            if ($status === 200) {
                return;
            }
            if ($wait === null || ($status > 0 && $status < 500 && $status !== 429)) {
                PrestaShopLogger::addLog("webhook $id of $type was not accepted: " . ($status ?: 'no answer'), 3);
                return;
            }
            sleep($wait);
        }
    }
}
