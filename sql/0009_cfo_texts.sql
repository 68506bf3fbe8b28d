-- What the CFO's transactions can keep: a mapping that says more, or nothing, is refused when it is written.

ALTER TABLE cfo_entity_mappings
    ADD CHECK (btrim(entity) <> '' AND length(entity) <= 255) NOT VALID,
    ADD CHECK (btrim(business_unit) <> '' AND length(business_unit) <= 255) NOT VALID;
ALTER TABLE cfo_revenue_categories
    ADD CHECK (btrim(subcategory) <> '' AND length(subcategory) <= 100) NOT VALID;
