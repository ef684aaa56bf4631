import assert from "node:assert/strict";
import { type AddressKind, kindOfAddress } from "../src/address_kind.ts";

const ADDRESSES: Readonly<Record<AddressKind, readonly string[]>> = {
  public: [
    ...["8.8.8.8", "9.255.255.255", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"],
    ...["192.167.1.1", "192.169.0.0", "223.255.255.255", "2606:4700::1111", "::ffff:8.8.8.8"],
    ...["64:ff9b::808:808", "2002:808:808::1"],
  ],
  private: [
    ...["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"],
    ...["192.0.0.192", "198.18.0.1", "fc00::1", "fdff::1", "fec0::1", "::ffff:10.0.0.1", "::a00:1"],
    ...["64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1"],
  ],
  loopback: [
    ...["127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "::", "::1", "0:0:0:0:0:0:0:1"],
    ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:0.0.0.0", "64:ff9b::7f00:1"],
  ],
  "link-local": [
    ...["169.254.169.254", "fe80::1", "febf::1", "fe80::1%eth0", "::ffff:169.254.169.254"],
  ],
  reserved: [
    ...["192.0.2.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"],
    ...["ff02::1", "2001:db8::1", "100::1", "4000::1", "", "example.com", "1.2.3", "1::2::3"],
  ],
};

for (const [kind, addresses] of Object.entries(ADDRESSES)) {
  Deno.test(`[oauth.named-addresses] these addresses are ${kind}: ${addresses.join(" ")}`, () => {
    const kinds = addresses.map((address) => [address, kindOfAddress(address)]);
    assert.deepEqual(kinds, addresses.map((address) => [address, kind]));
  });
}
