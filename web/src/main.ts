import { mount } from "svelte";
import "./ui/page.css";
import App from "./ui/App.svelte";

mount(App, { target: document.getElementById("page")! });
