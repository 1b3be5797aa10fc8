"""The application of the pictures: quick pages, and a report whose query is never answered."""

import threading
import time


def application(environ, start_response):
    if environ["PATH_INFO"] == "/report":
        sales = monthly_sales()
    else:
        sales = f"{environ['PATH_INFO']}: in stock\n"
        time.sleep(0.008)  # As a quick query takes.
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [sales.encode()]


def monthly_sales():
    return query("SELECT month, sum(price) FROM sales GROUP BY month")


def query(statement):
    """As a driver waits for a database."""
    answered = threading.Event()
    while not answered.wait(60):
        time.sleep(0)
    return statement
