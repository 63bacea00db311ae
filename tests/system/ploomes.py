"""What the tests of the Ploomes connector share: a world with a simulated CRM, and what customer_sales must hold,
computed from the CRM's rows in the slowest way."""
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal

from harness import *

DEALS, CONTACTS, SALES = "ploomes.deals", "ploomes.contacts", "ploomes.customer_sales"
ALL = (DEALS, CONTACTS, SALES)


class Crm(World):
    """A world whose source is the simulated CRM."""

    def __init__(self, *sim_options, page_size=300, purchase_dates="won", fields="", **options):
        self.page_size, self.purchase_dates, self.fields = page_size, purchase_dates, fields
        super().__init__(*sim_options, settings={"api_key": "demo-key"}, **options)

    def configure(self, **settings):
        self.settings.update(settings)
        url = self.settings.get("crm", self.sim.url + "/ploomes")
        self.write("sluice.cfg", f"""
store = {{ url = "{self.store}"; }};
plugins = "{PLUGINS}";
{self.extra}
connectors = ( {{ name = "ploomes"; plugin = "ploomes";
  settings = {{ url = "{url}"; api_key = "{self.settings['api_key']}"; page_size = {self.page_size};
    max_pages = {self.settings.get('max_pages', 0)}; purchase_dates = "{self.purchase_dates}"; }};
  http = {{ timeout = "10s"; attempts = 2; rate = "none"; {self.http} }};
  jobs = ( {{ stream = "deals"; {self.fields} {self.job} }}, {{ stream = "contacts"; {self.job} }},
           {{ stream = "customer_sales"; {self.job} }} ); }} );
""")

    def change(self, **what):
        self.sim.call("POST", "/_sim/ploomes", what)

    def asked(self):
        """The queries since the last time, as (entity, query)."""
        requests = self.sim.requests()
        self.sim.call("DELETE", "/_sim/requests")
        return [(r["path"].rsplit("/", 1)[1], urllib.parse.unquote(r["query"])) for r in requests]

    def listed(self, entity, **more):
        """All rows of the CRM, as it would give them."""
        rows, query = [], {"$expand": "Products"} if entity == "Deals" else {}
        while True:
            text = urllib.parse.urlencode({**query, **more, "$orderby": "Id", "$skip": len(rows)})
            url = f"{self.sim.url}/ploomes/{entity}?{text}"
            request = urllib.request.Request(url, headers={"User-Key": "demo-key"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                page = json.loads(answer.read(), parse_float=Decimal)["value"]
            rows += page
            if len(page) < 300:
                return rows

    def sales(self):
        """customer_sales by customer, as the model has it."""
        rows = self.rows("customer_sales", "customer_id")
        return {r["customer_id"]: tuple(stored(r[c]) if c in TIMES else plain(r[c]) for c in COLUMNS) for r in rows}


COLUMNS = ("customer_name", "customer_cnpj", "total_sales", "total_deals", "won_deals", "lost_deals", "open_deals",
           "total_revenue", "average_deal_value", "products_purchased", "total_products", "first_purchase_date",
           "last_purchase_date")
TIMES = ("first_purchase_date", "last_purchase_date")
CENT = Decimal("0.01")


def instant(text):
    """A time of the CRM; None for none."""
    if not text:
        return None
    head, zone = (text[:-1], "+00:00") if text.endswith("Z") else (text[:-6], text[-6:])
    head, _, fraction = head.partition(".")
    return datetime.fromisoformat(f"{head}.{(fraction + '000000')[:6]}{zone}").astimezone(timezone.utc)


def stored(value):
    """A time as either store gives it."""
    if value is None:
        return None
    text = str(value).replace(" ", "T", 1)
    return instant(text + ":00" if text[-3] in "+-" else text)


def plain(value):
    """A list comes as JSON from one store, and as the server's own text from the other."""
    if isinstance(value, str) and value[:1] in "[{" and value[-1:] in "]}":
        return [int(n) for n in value[1:-1].split(",") if n.strip()]
    return value


def money(value):
    return str(Decimal(value).quantize(CENT, ROUND_HALF_UP))


def purchases(deals, all_dates):
    for d in deals:
        if all_dates:
            yield instant(d.get("LastUpdateDate"))
        elif d.get("StatusId") == 2:
            yield instant(d.get("FinishDate") or d.get("LastUpdateDate"))


def sales_of(contact, deals, all_dates):
    """The row of one customer."""
    named = [d["ContactName"] for d in sorted(deals, key=lambda d: d["Id"]) if d.get("ContactName")]
    contact = contact or {}
    won = [d for d in deals if d.get("StatusId") == 2]
    lost = [d for d in deals if d.get("StatusId") == 3]
    revenue = sum((Decimal(str(d.get("Amount") or 0)) for d in won), Decimal(0))
    products = sorted({p["ProductId"] for d in deals for p in d.get("Products") or [] if p["ProductId"]})
    dates = [at for at in purchases(deals, all_dates) if at]
    tax_id = (contact.get("CNPJ") or "").strip() or (contact.get("CPF") or "").strip() or None
    return (contact.get("Name") or (named[0] if named else "Unknown"), tax_id, money(revenue), len(deals), len(won),
            len(lost), len(deals) - len(won) - len(lost), money(revenue),
            money(revenue / len(won) if won else 0), products, len(products), min(dates, default=None),
            max(dates, default=None))


def sales(contacts, deals, all_dates=False):
    """What customer_sales must hold, by customer."""
    who, groups = {c["Id"]: c for c in contacts}, {}
    for d in {d["Id"]: d for d in deals}.values():
        if d.get("ContactId"):
            groups.setdefault(d["ContactId"], []).append(d)
    return {c: sales_of(who.get(c), group, all_dates) for c, group in groups.items()}


class CrmTest(Test):
    def sync(self, w, *options, code=0):
        """The three results of one run of customer_sales."""
        result = w.run(SALES, *options)
        self.assertEqual(result.code, code, result)
        for run in result.objects:
            self.check_counts(run)
        return {run["job"]: run for run in result.objects}

    def check_sales(self, w):
        """The table holds what the CRM's rows say, and nothing of customers without deals."""
        want = sales(w.listed("Contacts"), w.listed("Deals"), w.purchase_dates == "all")
        have = w.sales()
        self.assertEqual({k: v for k, v in have.items() if v[3]}, want)
        for row in have.values():
            if not row[3]:
                self.assertEqual(row[2:11], ("0.00", 0, 0, 0, 0, "0.00", "0.00", [], 0), row)
                self.assertEqual(row[11:], (None, None), row)
