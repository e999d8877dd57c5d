import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { requestTable } from "./table";

const server = setupServer();
beforeAll(() => server.listen());
afterAll(() => server.close());

const url = (path: string) => new URL(path, document.baseURI).href;

test("a list in several parts is one file, with its columns named once", async () => {
  const asked: (string | null)[] = [];
  server.use(
    http.get(url("/api/audit"), ({ request }) => {
      asked.push(request.headers.get("accept"));
      const last = new URL(request.url).searchParams.get("cursor") === "2";
      const text = last
        ? "\ufeffsequence,type\r\n1,user.registered\r\n"
        : "\ufeffsequence,type\r\n2,user.suspended\r\n";
      const headers = last ? {} : { link: '</api/audit?type=user&cursor=2>; rel="next"' };
      return new HttpResponse(text, { headers: { "content-type": "text/csv; charset=utf-8", ...headers } });
    }),
  );
  const file = await requestTable("/api/audit?type=user");
  const bytes = new Uint8Array(await file.arrayBuffer());
  expect([...bytes.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  expect(await file.text()).toBe("sequence,type\r\n2,user.suspended\r\n1,user.registered\r\n");
  expect(asked).toEqual(["text/csv", "text/csv"]);
});

test("what cannot be had whole is not saved in part", async () => {
  server.use(
    http.get(url("/api/audit"), ({ request }) =>
      request.url.includes("cursor")
        ? HttpResponse.error()
        : new HttpResponse("sequence\r\n2\r\n", { headers: { link: '</api/audit?cursor=2>; rel="next"' } }),
    ),
  );
  await expect(requestTable("/api/audit")).rejects.toEqual({ kind: "network" });
});
