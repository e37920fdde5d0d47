/**
 * Sends a page's events to a collector in batches: docs/guides/events.md. An event keeps its event_id however often it
 * is sent, so that a batch sent again makes no second event.
 */
function moraineEvents({ url, writeKey, common = {}, everyMs = 5000 }) {
  let waiting = [];
  let sending = [];

  async function flush() {
    if (sending.length > 0 || waiting.length === 0) return;
    sending = waiting.splice(0, 100);
    const headers = { 'Content-Type': 'application/json', 'X-Write-Key': writeKey };
    try {
      const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(sending) });
      if (answer.status === 429 || answer.status >= 500) throw new Error(`answered ${answer.status}`);
      if (!answer.ok) console.warn('Events refused', answer.status, await answer.text());
    } catch {
      waiting = [...sending, ...waiting].slice(-1000);
    }
    sending = [];
  }

  /** The page goes, and its requests with it. Only beacons are still sent: without headers, of 64 KiB in all. */
  function leave() {
    const all = [...sending, ...waiting.splice(0)];
    for (let part = all.splice(0, 50); part.length > 0; part = all.splice(0, 50)) {
      const address = `${url}?write_key=${encodeURIComponent(writeKey)}`;
      if (!navigator.sendBeacon(address, JSON.stringify(part))) waiting.push(...part);
    }
  }

  setInterval(flush, everyMs);
  addEventListener('pagehide', leave);
  return (event_type, fields = {}) => {
    const occurred_at = new Date().toISOString();
    waiting.push({ event_id: crypto.randomUUID(), event_type, occurred_at, ...common, ...fields });
  };
}
