"""What the organisation, list-size and deprivation collections publish about the synthetic ICB."""

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from etl.demo.formats import marked, write_csv, write_workbook
from etl.demo.world import ICBS, REGION_ONS, REGIONS, SUB_ICBS, World

_DETAILS = (
    "PCN Code",
    "PCN Name",
    "Current Sub ICB Loc Code",
    "Sub ICB Location",
    "Open Date",
    "Close Date",
    *(f"Address Line {line}" for line in range(1, 6)),
    "Postcode",
)
_PARTNERS = (
    "Partner\nOrganisation\nCode",
    "Partner\nName",
    "Practice\nParent\nSub ICB Loc Code",
    "Practice\nParent\nSub ICB Loc Name",
    "PCN Code",
    "PCN Name",
    "PCN Parent\nSub ICB Loc Code",
    "PCN Parent\nSub ICB Loc Name",
    "Practice to PCN\nRelationship\nStart Date",
    "Practice to PCN\nRelationship\nEnd Date",
    "Practice Sub ICB Loc and PCN Sub ICB Loc Match ",
)
_BANDS = (*(f"{age}_{age + 4}" for age in range(0, 95, 5)), "95+")
_IS_OLDER = np.array([band in _BANDS[13:] for band in _BANDS])  # 65 and over
# about how many patients there are of each band, in thousandths
_AGES = np.array([50, 57, 60, 57, 60, 67, 72, 72, 69, 63, 63, 66, 60, 50, 45, 40, 26, 15, 7, 2])
_NETWORKS_BEGAN = pd.Timestamp(2019, 10, 1)


def write_organisations(inbox: Path, world: World) -> None:
    """epraccur, the ePCN workbook and the appointment publication's Mapping."""
    write_csv(inbox / marked("epraccur.csv"), epraccur(world), header=False, quote_all=True)
    write_workbook(inbox / marked("ePCN.xlsx"), epcn(world))
    write_csv(inbox / marked("gpad-mapping.csv"), mapping(world, len(world.months) - 1))


def epraccur(world: World) -> pd.DataFrame:
    """The 27 columns of epraccur, practices and a few organisations that are none."""
    extra = pd.DataFrame(
        {
            "code": ["Z99901", "Z99902", "Z99903"],
            "name": ["FENNMARK OUT OF HOURS", "TARNMOUTH WALK-IN CLINIC", "OLD QUARRMERE SURGERY"],
            "region": "Y97",
            "icb": "QZZ",
            "sub_icb": "9ZA",
            "postcode": "ZZ99 9ZZ",
            "opened": pd.Timestamp(2010, 4, 1),
            "closed": pd.NaT,
            "status": ["A", "A", "D"],
            "setting": ["1", "2", "4"],
        }
    )
    practices = world.practices.assign(setting="4", status=np.where(world.practices.closed.isna(), "A", "C"))
    rows = pd.concat([practices, extra.astype({"closed": "datetime64[us]"})], ignore_index=True)
    closed = rows.closed.dt.strftime("%Y%m%d").fillna("")
    blank = ""
    columns = [
        rows.code, rows.name, rows.region, rows.icb, "1 HIGH STREET", blank, rows.name.str.split().str[0],
        "FENNMARK", blank, rows.postcode, rows.opened.dt.strftime("%Y%m%d"), closed, rows.status, "B",
        rows.sub_icb, "20130401", closed, "01632 960999", blank, blank, blank, "0", blank, rows.sub_icb,
        blank, rows.setting, blank,
    ]  # fmt: skip
    return pd.DataFrame({f"column{number:02d}": column for number, column in enumerate(columns)})


def epcn(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """The ePCN workbook: networks, and who was a core partner of which network from when to when."""
    place = {code: name.upper() for code, (name, _, _) in SUB_ICBS.items()}
    details: list[tuple[Any, ...]] = [_DETAILS]
    for pcn in world.pcns.itertuples():
        details.append(
            (pcn.code, pcn.name, pcn.sub_icb, place[pcn.sub_icb], "20191001", "", "1 HIGH STREET", "", "",
             pcn.name.split()[0], "", "ZZ1 1ZZ")
        )  # fmt: skip
    partners: list[tuple[Any, ...]] = [_PARTNERS]
    networks = world.pcns.set_index("code")
    for row in world.practices.itertuples():
        if row.pcn == "U":
            continue
        spans = [(row.pcn, _NETWORKS_BEGAN, row.closed)]
        if not pd.isna(row.pcn_from):
            moved = row.pcn_from - pd.Timedelta(days=1)
            spans = [(row.pcn_before, _NETWORKS_BEGAN, moved), (row.pcn, row.pcn_from, row.closed)]
        for pcn_code, start, end in spans:
            network = networks.loc[pcn_code]
            partners.append(
                (row.code, row.name, row.sub_icb, place[row.sub_icb], pcn_code, network["name"],
                 network.sub_icb, place[network.sub_icb], start.strftime("%Y%m%d"),
                 None if pd.isna(end) else end.strftime("%Y%m%d"), row.sub_icb == network.sub_icb)
            )  # fmt: skip
    return {"PCNDetails": details, "PCN Core Partner Details": partners}


def mapping(world: World, month: int) -> pd.DataFrame:
    """Mapping.csv as of a month; one practice appears twice, under two clinical systems."""
    areas = world.areas(world.months[month])
    frame = pd.DataFrame(
        {
            "GP_CODE": areas.code,
            "GP_NAME": areas.name,
            "SUPPLIER": world.practices.clinical_system,
            "PCN_CODE": areas.pcn,
            "PCN_NAME": areas.pcn_name.where(areas.pcn != "U", ""),
            "SUB_ICB_LOCATION_CODE": areas.sub_icb,
            "SUB_ICB_LOCATION_NAME": [SUB_ICBS[code][0] for code in areas.sub_icb],
            "ICB_CODE": areas.icb,
            "ICB_NAME": [ICBS[code][0] for code in areas.icb],
            "REGION_CODE": areas.region,
            "REGION_NAME": [REGIONS[code] for code in areas.region],
        }
    )[world.patients[month] > 0]
    twice = frame.iloc[[5]].assign(SUPPLIER="TPP/EMIS")
    return pd.concat([frame, twice], ignore_index=True).sort_values(["GP_CODE", "SUPPLIER"], kind="stable")


def write_registered_patients(inbox: Path, world: World) -> None:
    """One list-size file a month; the oldest write their dates as 01NOV2024."""
    for index, month in enumerate(world.months):
        is_open = world.patients[index] > 0
        practices = world.practices[is_open]
        day = month.strftime("%d%b%Y").upper() if index + world.skipped < 6 else month.isoformat()
        frame = pd.DataFrame(
            {
                "PUBLICATION": "GP_PRAC_PAT_LIST",
                "EXTRACT_DATE": day,
                "TYPE": "GP",
                "SUB_ICB_LOCATION_CODE": practices.sub_icb,
                "ONS_SUB_ICB_LOCATION_CODE": [SUB_ICBS[code][2] for code in practices.sub_icb],
                "CODE": practices.code,
                "POSTCODE": practices.postcode,
                "SEX": "ALL",
                "AGE": "ALL",
                "NUMBER_OF_PATIENTS": world.patients[index][is_open],
            }
        )
        write_csv(inbox / marked(f"gp-reg-pat-prac-all-{month:%Y-%m}.csv"), frame)


def write_ages(inbox: Path, world: World) -> None:
    """Patients of the newest month by sex and five-year age; practices in poorer places have fewer old people."""
    month, practices, patients = world.months[-1], world.practices, world.patients[-1]
    random = world.random(65)
    rows = []
    for row, listed in zip(practices.itertuples(), patients, strict=True):
        if not listed:
            continue
        older = np.clip(0.185 - 0.05 * np.log(row.imd_2025 / 21) + random.normal(0, 0.025), 0.05, 0.34)
        shape = np.where(
            _IS_OLDER, older * _AGES / _AGES[_IS_OLDER].sum(), (1 - older) * _AGES / _AGES[~_IS_OLDER].sum()
        )
        by_age = random.multinomial(listed, shape)
        women = random.binomial(by_age, 0.5)
        place = ("GP_PRAC_PAT_LIST", f"{month:%d%b%Y}".upper(), "GP", row.code, "", row.postcode)
        rows.append((*place, "ALL", "ALL", listed))
        for sex, counted in (("FEMALE", women), ("MALE", by_age - women)):
            rows += [
                (*place, sex, band, n) for band, n in zip(("ALL", *_BANDS), (counted.sum(), *counted), strict=True)
            ]
    columns = ["PUBLICATION", "EXTRACT_DATE", "ORG_TYPE", "ORG_CODE", "ONS_CODE", "POSTCODE", "SEX", "AGE_GROUP_5"]
    frame = pd.DataFrame(rows, columns=[*columns, "NUMBER_OF_PATIENTS"])
    write_csv(inbox / marked(f"gp-reg-pat-prac-quin-age-{month:%Y-%m}.csv"), frame)


def write_deprivation(inbox: Path, world: World) -> None:
    """Practice deprivation scores: 2019 in the Fingertips layout (England twice), 2025 in the short one."""
    practices = world.practices
    england = float(np.average(practices.imd_2019, weights=practices.patients))
    rows = [("", "", "E92000001", "England", "England", england)]
    rows.append(("E92000001", "England", "E92000001", "England", "England", england))
    rows += [("E92000001", "England", row.code, row.name.title(), "GP", row.imd_2019) for row in practices.itertuples()]
    columns = ["Parent Code", "Parent Name", "Area Code", "Area Name", "Area Type", "Value"]
    frame = pd.DataFrame(rows, columns=columns)
    layout = {
        "Indicator ID": "93553", "Indicator Name": "Deprivation score (IMD 2019)",
        "Parent Code": None, "Parent Name": None, "Area Code": None, "Area Name": None, "Area Type": None,
        "Sex": "Persons", "Age": "All ages", "Category Type": "", "Category": "", "Time period": "2019",
        "Value": None, "Lower CI 95.0 limit": "", "Upper CI 95.0 limit": "", "Lower CI 99.8 limit": "",
        "Upper CI 99.8 limit": "", "Count": "", "Denominator": "", "Value note": "", "Recent Trend":
        "Cannot be calculated", "Compared to England value or percentiles": "Not compared",
        "Compared to percentiles": "Not compared", "Time period Sortable": "20190000", "New data": "",
        "Compared to goal": "", "Time period range": "1y",
    }  # fmt: skip
    full = pd.DataFrame(
        {name: frame[name] if value is None else value for name, value in layout.items()}, index=frame.index
    )
    write_csv(inbox / marked("fingertips-imd2019-practice.csv"), full)
    short = pd.DataFrame(
        {
            "PRACTICE_CODE": practices.code,
            "PRACTICE_NAME": practices.name.str.title(),
            "IMD_YEAR": "2025",
            "IMD_SCORE": practices.imd_2025,
        }
    )
    write_csv(inbox / marked("fingertips-imd2025-practice.csv"), short)


def ons_codes() -> dict[str, str]:
    """ONS code of every synthetic sub-ICB, ICB and region."""
    codes = {code: ons for code, (_, _, ons) in SUB_ICBS.items()}
    codes |= {code: ons for code, (_, _, ons) in ICBS.items()}
    return codes | REGION_ONS


def month_label(month: date) -> str:
    """`01OCT2026`, as the appointment publications write a month or day."""
    return month.strftime("%d%b%Y").upper()
