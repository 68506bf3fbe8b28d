"""The word lists that invented companies, people and tickets are made of.

All are invented or generic. Telephone numbers come from ranges that are kept for fiction, domains end in
`.example`, addresses are those of RFC 5737, so nothing here reaches anybody.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Country:
    """How companies and people of one country are called."""

    phone: str
    places: tuple[str, ...]
    trades: tuple[str, ...]
    forms: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    streets: tuple[str, ...]


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


COUNTRIES: tuple[Country, ...] = (
    Country(
        phone="+1-555-0",
        places=_listed(
            "Lakeside|Riverside|Granite|Harbor|Summit|Prairie|Juniper|Copper|Redwood|Bayview|Cedar|"
            "Blue Heron|Pine Street|Mill Creek|Big Sky|North Fork|Silver Lake|Fox Hollow"
        ),
        trades=_listed(
            "Dental Group|Family Medicine|Construction|Credit Union|Veterinary|Title & Escrow|"
            "Freight Lines|Charter School|Machine & Tool|Orthopedics|Legal|Brewing|Outfitters"
        ),
        forms=_listed("|LLC|Inc.|PLLC|Co."),
        first_names=_listed(
            "Grace|Liam|Wendy|Marcus|Denise|Tyrone|Caitlin|Hector|Amber|Quinn|Rosa|Farid|Monique|Dwayne"
        ),
        last_names=_listed(
            "Hansen|Okafor|Vasquez|Whitaker|Nguyen|Delgado|Brooks|Kowalski|O'Neill|Ramirez|Abbott|Castillo"
        ),
        streets=_listed("Example Street|Sample Avenue|Specimen Road"),
    ),
    Country(
        phone="+44 20 7946 0",
        places=_listed(
            "Ashford|Thornbury|Wexcombe|Kingsmead|Dunmore|Harrowgate|Penrith|Oakham|Selby|Marlow|Fenwick"
        ),
        trades=_listed(
            "Surveyors|Housing Trust|Engineering|Solicitors|Joinery|Care Homes|Opticians|"
            "Garden Centres|Academy|Logistics|Plumbing & Heating"
        ),
        forms=_listed("Ltd|LLP|PLC|& Sons Ltd"),
        first_names=_listed(
            "Siân|Oliver|Imogen|Rhys|Harriet|Callum|Priya|Alistair|Niamh|Gareth|Zoë|Tariq|Bronwen|Declan"
        ),
        last_names=_listed(
            "Pritchard|Ashworth|MacLeod|Fairclough|Patel|O'Connor|Blackwood|Hargreaves|Shah|Llewellyn"
        ),
        streets=_listed("Example Lane|Sample Row|Specimen Close"),
    ),
    Country(
        phone="+47 555 0",
        places=_listed("Søndre Fjord|Nordlys|Østmarka|Blåfjell|Ålesund|Tromsø|Hallingdal|Vestkyst"),
        trades=_listed("Regnskap|Rørleggere|Eiendom|Tannklinikk|Fiskeri|Trelast|Arkitekter|Bilverksted"),
        forms=_listed("AS|ASA|SA"),
        first_names=_listed("Håkon|Ingrid|Bjørn|Sølvi|Åse|Torstein|Kari|Øyvind|Maren|Sigurd|Liv|Gøran"),
        last_names=_listed("Bråten|Sørensen|Hagen|Nygård|Lillevik|Ødegård|Solberg|Tveit|Aasen|Bakke"),
        streets=_listed("Eksempelveien|Prøvegata"),
    ),
    Country(
        phone="+49 30 23125 0",
        places=_listed("Zürich|Köln|Nürnberg|Lübeck|Görlitz|Tübingen|München|Osnabrück|Würzburg|Graz"),
        trades=_listed(
            "Maschinenbau|Zahnärzte|Spedition|Steuerberatung|Getränkehandel|Fördertechnik|Bäckerei|Prüfstelle"
        ),
        forms=_listed("GmbH|AG|GmbH & Co. KG|e.V."),
        first_names=_listed(
            "Jürgen|Käthe|Björn|Anneliese|Günther|Mareike|Sören|Heike|Lothar|Silke|Uwe|Dörte"
        ),
        last_names=_listed("Müller|Weiß|Schröder|Krüger|Böhm|Vogel|Hübner|Lindemann|Jäger|Groß"),
        streets=_listed("Beispielstraße|Musterweg"),
    ),
    Country(
        phone="+34 555 0",
        places=_listed("Almería|Cádiz|Logroño|Málaga|Peñíscola|Jaén|Cáceres|Castellón|Gijón|Ávila"),
        trades=_listed(
            "Abogados|Clínica Dental|Transportes|Bodegas|Construcciones|Asesoría Fiscal|Cerámicas|Academia"
        ),
        forms=_listed("S.L.|S.A.|e Hijos S.L.|S.Coop."),
        first_names=_listed("José|Lucía|Víctor|Begoña|Íñigo|Nuria|Ángel|Pilar|Rubén|Inés|Óscar|Maite"),
        last_names=_listed("Muñoz|Fernández|Peña|Ibáñez|Cañizares|Bermúdez|Gálvez|Núñez|Rincón|Ordóñez"),
        streets=_listed("Calle Ejemplo|Avenida Muestra"),
    ),
    Country(
        phone="+48 555 0",
        places=_listed("Łódź|Gdańsk|Wrocław|Poznań|Białystok|Rzeszów|Toruń|Kołobrzeg|Częstochowa"),
        trades=_listed('Logistics|"Meble"|Przychodnia|Budownictwo|Księgowość|Drukarnia|Mleczarnia'),
        forms=_listed("Sp. z o.o.|S.A.|Sp. j."),
        first_names=_listed(
            "Paweł|Kateřina|Małgorzata|Łukasz|Agnieszka|Grzegorz|Zofia|Michał|Bożena|Wojciech"
        ),
        last_names=_listed(
            "Kowalczyk|Wiśniewska|Dąbrowski|Żak|Pawłowska|Gołębiewski|Sikora|Łuczak|Król|Ścibor"
        ),
        streets=_listed("ulica Przykładowa|aleja Wzorcowa"),
    ),
)

#: Names that break careless code: formulas, quotes, commas, other scripts, markup, length.
NOTABLE_COMPANIES: tuple[str, ...] = (
    "Acme Dental Group",
    "+Plus Physiotherapy",
    "Dormant Holdings Inc.",
    "O'Brien & Sons, LLC",
    "Legacy Gold Trading",
    'Kowalczyk "Meble" S.A.',
    "Nameless Plan Partners",
    "Ναυτιλιακή Αιγαίου",
    "Åkerlund & Partners AB",
    "株式会社みらい",
    "=Equals Accounting, Ltd",
    "Zephyr 3D-Print <Labs>",
    "شركة النخيل للتجارة",
    "Северный Ветер",
    "@Home Senior Care",
    "-40° Cold Storage",
    "City of Willow Creek — Department of Parks, Recreation and Community Services",
)

TITLES: tuple[str | None, ...] = (
    *("Receptionist", "Technician", "Office Manager", "Owner", "Accountant", "Director", "Analyst"),
    None,
)

#: Subjects of tickets, each with the sentence that its description starts with.
TICKETS: tuple[tuple[str, str], ...] = (
    ("Password reset", "User is locked out after three attempts & needs a new password."),
    ("Printer offline on second floor", "Print jobs stay in the queue; the panel shows <ready>."),
    ("VPN drops every few minutes", "Home office connection is lost during calls."),
    ("New starter: laptop and mailbox", "Set up account, licences and a laptop for Monday."),
    ("Leaver: close account", "Disable sign-in, forward mail to the manager for 30 days."),
    ("Outlook asks for credentials", "The prompt returns after each restart."),
    ("Backup job failed", "Nightly image of the file server ended with a warning."),
    ("Suspicious e-mail reported", "Looks like an invoice; sender is not a known supplier."),
    ("Shared folder missing", "Drive S: no longer maps at logon."),
    ("Server low on disk space", "System volume is at 94 %."),
    ("Firewall firmware update", "Planned maintenance outside business hours."),
    ("Wi-Fi weak in the warehouse", "Scanners lose their connection near bay 4."),
    ("Accounting software update", "Year-end release to be installed on all workstations."),
    ("Phone system: voicemail to e-mail", "Messages arrive without the attachment."),
    ("Laptop will not charge", "Dock and adapter were swapped without success."),
    ("MFA enrolment", "New telephone, authenticator has to be registered again."),
    ("Quarterly review", "On-site visit with the technical account manager."),
    ("Blue screen after update", "Rolled the driver back; monitoring for a week."),
    ("Licence count for renewal", "Customer asks how many seats are in use."),
    ("Slow database reports", "Month-end report takes over an hour."),
)
