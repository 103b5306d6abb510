"""The page: what a candidate sees. Gradio components, the handlers behind them, and the routes beside them."""
