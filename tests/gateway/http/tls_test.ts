import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../../e2e/wait.ts";
import { RawConnection, sendRaw } from "./raw_http.ts";
import { HttpFixture, request } from "./http_fixture.ts";

const FIXTURES = fileURLToPath(new URL("../../fixtures/tls/", import.meta.url));

/** Whether the service uses a certificate: a client that trusts only this certificate gets an answer. */
async function usesCertificate(fixture: HttpFixture, name: string): Promise<boolean> {
  const caCerts = [Deno.readTextFileSync(join(FIXTURES, `${name}.crt`))];
  using client = Deno.createHttpClient({ caCerts, poolMaxIdlePerHost: 0 });
  try {
    const response = await fetch(new URL("/health", fixture.url), { client });
    await response.text();
    assert.match(response.headers.get("strict-transport-security") ?? "", /max-age/);
    return true;
  } catch (error) {
    assert.match(String(error), /fetch failed|certificate/);
    return false;
  }
}

Deno.test("HTTPS", async (t) => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync());
  const [tlsCert, tlsKey] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const installCertificate = (name: string) => {
    for (const [path, extension] of [[tlsCert, "crt"], [tlsKey, "key"]] as const) {
      Deno.copyFileSync(join(FIXTURES, `${name}.${extension}`), `${path}.new`);
      Deno.renameSync(`${path}.new`, path);
    }
  };
  try {
    installCertificate("first");
    await using fixture = await HttpFixture.open({
      settings: { tlsCert, tlsKey },
      limits: { headersMs: 300 },
    });

    await t.step("[http.tls] the configured certificate is used, and sessions work", async () => {
      assert.match(fixture.url, /^https:/);
      assert.deepEqual([
        await usesCertificate(fixture, "first"),
        await usesCertificate(fixture, "second"),
      ], [
        true,
        false,
      ]);
      const caCerts = [Deno.readTextFileSync(join(FIXTURES, "first.crt"))];
      using client = Deno.createHttpClient({ caCerts });
      const response = await fetch(fixture.url, {
        client,
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(request("initialize")),
      });
      assert.equal(response.status, 200);
      await response.text();
    });

    await t.step(
      "[http.tls] a client that speaks plain HTTP is disconnected without an answer",
      async () => {
        const { text } = await sendRaw(
          fixture.port,
          "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
        assert.doesNotMatch(text, /HTTP|ok/);
        assert.equal(await usesCertificate(fixture, "first"), true);
      },
    );

    await t.step(
      "[http.tls-slow] a client that sends no handshake is disconnected, and other clients are not",
      async () => {
        using silentConnection = await RawConnection.open(fixture.port);
        const caCerts = [Deno.readTextFileSync(join(FIXTURES, "first.crt"))];
        using client = Deno.createHttpClient({ caCerts });
        const requestHealth = async () => {
          const response = await fetch(new URL("/health", fixture.url), { client });
          return (await response.json()).status;
        };
        assert.equal(await requestHealth(), "ok");
        assert.deepEqual(await silentConnection.readAll(), { status: 0, text: "" });
        assert.equal(await requestHealth(), "ok");
      },
    );

    await t.step("[http.tls-reload] changed files are used without a restart", async () => {
      installCertificate("second");
      await waitUntil("the certificate is used", () => usesCertificate(fixture, "second"));
      assert.equal(await usesCertificate(fixture, "first"), false);
    });

    await t.step(
      "[http.tls-reload] a key that does not match the certificate is not used",
      async () => {
        Deno.copyFileSync(join(FIXTURES, "first.key"), tlsKey);
        await waitUntil(
          "the mismatch is logged",
          () => fixture.log.join().includes("changed certificate is not used"),
        );
        assert.equal(await usesCertificate(fixture, "second"), true);
        installCertificate("first");
        await waitUntil("the certificate is used", () => usesCertificate(fixture, "first"));
      },
    );

    await t.step(
      "[http.tls] the listener does not start with an invalid certificate or key, or a key of another certificate",
      async () => {
        Deno.copyFileSync(join(FIXTURES, "second.key"), tlsKey);
        const openListener = (settings: object) => HttpFixture.open({ settings });
        await assert.rejects(openListener({ tlsCert, tlsKey }), /is not that of the certificate/);
        await assert.rejects(
          openListener({ tlsCert, tlsKey: tlsCert }),
          /contains no unencrypted private key/,
        );
        await assert.rejects(openListener({ tlsCert: tlsKey, tlsKey }), /contains no certificate/);
        await assert.rejects(
          openListener({ tlsCert: join(folder, "no"), tlsKey }),
          /cannot be read/,
        );
      },
    );
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
