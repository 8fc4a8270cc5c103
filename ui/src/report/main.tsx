/* The report: what a window of an instance held, in one file that opens without a server. */
import { render } from "preact";
import "../tokens.css";
import "../frame/frame.css";
import "../instance/instance.css";
import "./report.css";
import { stay } from "../frame/address";
import { health } from "../frame/health";
import { bind, listen } from "../frame/keys";
import { startTheme, toggleTheme } from "../frame/theme";
import { know } from "../line/catalogue";
import type { ReportData } from "./data";
import { Report } from "./Report";

const NOBODY = { version: "", spooled: 0, spooledBytes: 0, setAside: 0, trouble: null };
const KEY = { keys: ["d"], does: "dark or light", run: () => (toggleTheme(), true) };

/** What the file carries; null in a template that was not filled. */
function carried(): ReportData | null {
  const text = document.getElementById("data")?.textContent ?? "";
  return text === "" ? null : (JSON.parse(text) as ReportData);
}

stay();
startTheme();
listen();
bind([KEY]);
const data = carried();
if (data) {
  know(data.metrics);
  health.value = { agents: data.agents, server: NOBODY };
  document.title = data.title;
}
const root = document.getElementById("page");
if (root) render(data ? <Report data={data} /> : <p class="empty">This template holds no report yet.</p>, root);
