/**
 * The entry point of the page: follows the address and renders the application.
 */
import "uplot/dist/uPlot.min.css";
import "./style/tokens.css";
import "./style/page.css";
import "./style/parts.css";
import "./style/views.css";
import { render } from "preact";
import { App } from "./app.tsx";
import { startRouter } from "./router.ts";
import { startTheme } from "./server/theme.ts";

startTheme();
startRouter();
render(<App />, document.getElementById("app")!);
