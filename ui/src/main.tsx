import { render } from "preact";
import "./tokens.css";
import "./frame/frame.css";
import { App } from "./frame/App";
import { follow } from "./frame/address";
import { listen } from "./frame/keys";
import { startTheme } from "./frame/theme";

startTheme();
follow();
listen();
const root = document.getElementById("page");
if (root) render(<App />, root);
