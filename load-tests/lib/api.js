// What every scenario shares: addresses, accounts, events, requests.
import http from 'k6/http';
import { fail } from 'k6';

// The edges to load, round robin: URLS="http://127.0.0.1:8080,http://127.0.0.1:8081".
export const edges = (__ENV.URLS || 'http://127.0.0.1:8080,http://127.0.0.1:8081').split(',');

// SHORT=1: a few seconds, for a first look and for CI.
export const short = __ENV.SHORT === '1';

let turn = 0;

// The next edge's URL of a path.
export function at(path) {
  turn += 1;
  return edges[turn % edges.length] + path;
}

// A key that no other request of this run has.
export function key() {
  return `${Date.now()}-${Math.random().toString(36).slice(2)}-${Math.random().toString(36).slice(2)}`;
}

export function headers(token, extra) {
  return Object.assign({ 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }, extra);
}

function must(response, status, what) {
  if (response.status !== status) fail(`${what}: ${response.status} ${response.body}`);
  return response.json();
}

// A new account's access token. Registering costs what a password hash costs, so scenarios make few.
export function register(name) {
  const body = { email: `${name}-${Date.now()}-${Math.random().toString(36).slice(2)}@example.com`, password: `load test ${Math.random()}`, name };
  return must(http.post(at('/api/auth/register'), JSON.stringify(body), { headers: { 'Content-Type': 'application/json' } }), 201, 'register').access_token;
}

// Publishes an event with one free or paid ticket type; gives {id, ticket, organiser}, the last being its organiser's token.
export function publish(title, capacity, price, limit) {
  const token = register('organiser');
  const post = (path, body) => http.post(edges[0] + path, JSON.stringify(body), { headers: headers(token, { 'Idempotency-Key': key() }) });
  const organiser = must(post('/api/organisers', { name: 'Load Hall' }), 201, 'organiser');
  const starts = new Date(Date.now() + 30 * 86400e3);
  const event = must(
    post('/api/events', {
      organiser_id: organiser.id,
      title,
      description: 'Made by a load test.',
      category: 'music',
      venue: { name: 'Load Hall', city: 'Loadstadt', country: 'DE' },
      starts_at: starts.toISOString(),
      ends_at: new Date(starts.getTime() + 3 * 3600e3).toISOString(),
      timezone: 'Europe/Berlin',
      currency: 'EUR',
      ticket_types: [{ name: 'Standard', price, capacity, per_person_limit: limit }],
    }),
    201,
    'event',
  );
  must(post(`/api/events/${event.id}/publish`, {}), 200, 'publish');
  return { id: event.id, ticket: event.ticket_types[0].id, organiser: token };
}

// A figure of the summary, or 0 where it never came about.
export function figure(data, metric, value) {
  return data.metrics[metric] ? data.metrics[metric].values[value] || 0 : 0;
}

// The summary in words: a verdict, the figures, and which thresholds broke.
export function verdict(name, data, lines) {
  const broken = [];
  for (const [metric, of] of Object.entries(data.metrics)) {
    for (const [threshold, { ok }] of Object.entries(of.thresholds || {})) if (!ok) broken.push(`${metric} ${threshold}`);
  }
  const head = broken.length === 0 ? `${name}: it held.` : `${name}: it did NOT hold: ${broken.join('; ')}`;
  return { stdout: `\n${[head, ...lines].join('\n  ')}\n\n` };
}
