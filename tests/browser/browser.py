"""A person's browser: Chromium without a window, in which no page may run a script."""

import json
import os

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service as Driver
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

SCREENSHOTS = os.path.join("target", "screenshots")
WIDE, NARROW = (1024, 720), (360, 640)
SHADES = ("light", "dark")
PATIENCE = 30


class Browser:
    """One person's: it keeps its own cookies, and goes with its block."""

    def __enter__(self):
        options = Options()
        for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server"):
            options.add_argument(argument)
        options.binary_location = "/usr/bin/chromium"
        # 2: blocked. What a test asks the browser itself goes beside it.
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Driver("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(60)
        os.makedirs(SCREENSHOTS, exist_ok=True)
        self.answers = {}
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def open(self, address):
        self.driver.get(address)

    def address(self):
        return self.driver.current_url

    def heading(self):
        return self.driver.find_element(By.TAG_NAME, "h1").text

    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def script(self, text, *arguments):
        return self.driver.execute_script(text, *arguments)

    def consent(self, email, without=None):
        """Fills in Google's form and continues; `without` is a scope whose box is unticked first."""
        self.type_account(email)
        for box in self.driver.find_elements(By.NAME, "scope"):
            if without and box.get_attribute("value").endswith(without):
                box.click()
        self.decide("allow")

    def refuse(self):
        self.decide("deny")

    def type_account(self, email):
        account = self.driver.find_element(By.NAME, "email")
        account.clear()
        account.send_keys(email)

    def decide(self, decision):
        self.follow(lambda: self.driver.find_element(By.CSS_SELECTOR, f"button[value={decision}]").click())

    def press_the_only_button(self):
        """By keyboard: the first thing that Tab reaches, and Enter. Afresh, for looking at a page moves its focus."""
        self.driver.refresh()
        self.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        self.follow(lambda: self.driver.switch_to.active_element.send_keys(Keys.ENTER))

    def follow(self, act):
        """Does what leads to another page, and waits until the old one has gone: not every way there waits by itself."""
        old = self.driver.find_element(By.TAG_NAME, "html")
        act()
        # In the middle of it the driver may know the old page no more and not yet say so.
        WebDriverWait(self.driver, PATIENCE, ignored_exceptions=[WebDriverException]).until(staleness_of(old))

    def told(self):
        """Status and headers of the page that is shown, as the browser got them."""
        self.read_log()
        return self.answers[self.address()]

    def read_log(self):
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            told = message["params"]
            if message["method"] == "Network.responseReceived" and told.get("type") == "Document":
                headers = {name.lower(): value for name, value in told["response"]["headers"].items()}
                self.answers[told["response"]["url"]] = {"status": told["response"]["status"], "headers": headers}

    def complaints(self):
        """What the browser wrote to its console, but for pages that are no success and an icon that nobody has."""
        lines = [entry["message"] for entry in self.driver.get_log("browser")]
        return [line for line in lines if "favicon" not in line and "Failed to load resource" not in line]

    def looks(self, name):
        """Shows the page wide and narrow, by day and by night, and keeps a picture of each."""
        for size, (width, height) in (("wide", WIDE), ("narrow", NARROW)):
            metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == "narrow"}
            self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
            for shade in SHADES:
                media = [{"name": "prefers-color-scheme", "value": shade}]
                self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
                look = f"{name}-{size}-{shade}"
                self.driver.save_screenshot(os.path.join(SCREENSHOTS, f"{look}.png"))
                yield look
        self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
