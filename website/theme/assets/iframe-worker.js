"use strict";
// A page that is opened from a file may start no worker: there the search runs in a frame of the page.
if (location.protocol === "file:") {
  window.IFrameWorker = window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const waiting = [];
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html>";
      const tell = (target, data) => setTimeout(() => target.dispatchEvent(new MessageEvent("message", { data })));
      const send = (data) => tell(frame.contentWindow, data);
      this.postMessage = (data) => waiting.push(data);
      frame.addEventListener("load", () => {
        const inside = frame.contentWindow;
        inside.postMessage = (data) => tell(this, data);
        inside.importScripts = (...urls) => Promise.all(urls.map(load));
        load(url).then(() => {
          this.postMessage = send;
          waiting.forEach(send);
        });
        function load(source) {
          return new Promise((done, failed) => {
            const script = inside.document.createElement("script");
            script.src = new URL(source, document.baseURI).href;
            script.onload = done;
            script.onerror = failed;
            inside.document.body.append(script);
          });
        }
      }, { once: true });
      document.documentElement.append(frame);
    }
  };
}
