// Why there are edges: the same reads by the same people, through the edge that is near and through one far away, beside the region.
// `cargo xtask load edge-vs-central` starts both, and toxiproxy, which makes the way long.
import http from 'k6/http';
import { check, fail, sleep } from 'k6';
import { Trend } from 'k6/metrics';
import { figure, publish, short, verdict } from './lib/api.js';

const SIDES = { near: __ENV.NEAR, central: __ENV.CENTRAL };
const READS = ['search', 'page', 'availability'];
const EVENTS = short ? 3 : 10;

const trends = {};
for (const side of Object.keys(SIDES)) for (const read of READS) trends[`${side}_${read}`] = new Trend(`${side}_${read}`, true);

export const options = {
  summaryTrendStats: ['med', 'p(95)'],
  scenarios: { people: { executor: 'constant-vus', vus: short ? 4 : 8, duration: short ? '5s' : '20s' } },
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'] },
};

export function setup() {
  const events = Array.from({ length: EVENTS }, (_, n) => publish(`Night ${n} of Strings`, 100, 4500, 6).id);
  // Both know them.
  for (const url of Object.values(SIDES)) {
    for (let tries = 0; http.get(`${url}/api/events/${events[EVENTS - 1]}`, { responseCallback: http.expectedStatuses(200, 404) }).status !== 200; tries += 1) {
      if (tries > 100) fail(`${url} does not come to know the events`);
      sleep(0.1);
    }
  }
  return { events };
}

export default function ({ events }) {
  const event = events[Math.floor(Math.random() * events.length)];
  const paths = { search: '/api/events?q=night&limit=20', page: `/api/events/${event}`, availability: `/api/events/${event}/availability` };
  // In turns, so that both share whatever else the machine does.
  for (const [side, url] of Object.entries(SIDES)) {
    for (const read of READS) {
      const answer = http.get(url + paths[read], { tags: { name: read } });
      trends[`${side}_${read}`].add(answer.timings.duration);
      check(answer, { 'a read answers 200': (it) => it.status === 200 });
    }
  }
}

export function handleSummary(data) {
  const of = (side, read, value) => figure(data, `${side}_${read}`, value);
  const cell = (text, width) => String(text).padStart(width);
  const lines = [cell('', 14) + cell('near p50', 12) + cell('central p50', 13) + cell('ratio', 8) + cell('near p95', 12) + cell('central p95', 13) + cell('ratio', 8)];
  for (const read of READS) {
    let line = read.padEnd(14);
    for (const value of ['med', 'p(95)']) {
      const [near, central] = [of('near', read, value), of('central', read, value)];
      line += cell(`${near.toFixed(1)} ms`, 12) + cell(`${central.toFixed(1)} ms`, 13) + cell(near > 0 ? `${(central / near).toFixed(0)} x` : '-', 8);
    }
    lines.push(line);
  }
  return verdict('edge-vs-central', data, lines);
}
