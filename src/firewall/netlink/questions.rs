//! The questions that there are, each with its answer's type.

use std::io;

use super::attribute::name_attribute;
use super::message::{AskedObject, Question};
use super::objects::{self, ChainState, KernelChain, KernelSet, KernelTable, SetElement};
use super::rules::{self, KernelRule};
use super::{NetlinkSocket, TablePath};
use crate::model::Family;

/// `NFTA_CHAIN_TABLE`, `NFTA_RULE_TABLE`, `NFTA_SET_TABLE`, …
const TABLE: u16 = 1;
/// `NFTA_CHAIN_NAME`
const CHAIN_NAME: u16 = 3;
/// `NFTA_RULE_CHAIN`
const RULE_CHAIN: u16 = 2;
/// `NFTA_SET_ELEM_LIST_SET`
const ELEMENTS_SET: u16 = 2;

impl NetlinkSocket {
    /// The generation of the rule set: each commit in this network namespace counts it
    /// up, whoever makes it and to whatever table.
    pub(in crate::firewall) fn generation(&mut self) -> io::Result<u32> {
        let question = Question {
            asked: AskedObject::Generation,
            all: false,
            protocol: 0,
            attributes: Vec::new(),
        };
        let found = self.ask(&question, |_, object, found| {
            found.push(objects::generation(object));
        })?;
        let generation = found.into_iter().flatten().next().flatten();
        generation.ok_or_else(|| io::Error::other("nf_tables tells no generation"))
    }

    /// All tables of all families.
    pub(in crate::firewall) fn tables(&mut self) -> io::Result<Vec<KernelTable>> {
        let question = Question {
            asked: AskedObject::Table,
            all: true,
            protocol: 0,
            attributes: Vec::new(),
        };
        let found = self.ask(&question, |family, object, found| {
            found.extend(objects::table(family, object));
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The chain in the filter table of `family`; none if it is not there.
    pub(in crate::firewall) fn chain(
        &mut self,
        family: Family,
        name: &str,
    ) -> io::Result<Option<ChainState>> {
        self.chain_in(TablePath::filter(family), name)
    }

    /// The chain; none if it is not there.
    pub(in crate::firewall) fn chain_in(
        &mut self,
        table: TablePath<'_>,
        name: &str,
    ) -> io::Result<Option<ChainState>> {
        let mut question = of_table(AskedObject::Chain, table);
        question.all = false;
        question.attributes.extend(name_attribute(CHAIN_NAME, name));
        let found = self.ask(&question, |_, object, found| {
            found.push(objects::chain_state(object));
        })?;
        let Some(found) = found else { return Ok(None) };
        let state = found.into_iter().next().flatten();
        state
            .map(Some)
            .ok_or_else(|| io::Error::other("nf_tables does not tell how a chain is"))
    }

    /// The chains of a table; none if it is not there. The kernel gives those of all
    /// tables of the family.
    pub(in crate::firewall) fn chains_in(
        &mut self,
        table: TablePath<'_>,
    ) -> io::Result<Vec<KernelChain>> {
        let found = self.ask(&of_table(AskedObject::Chain, table), |_, object, found| {
            found.extend(objects::chain(object, table.name));
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The rules of a chain in their order; none if it is not there.
    pub(in crate::firewall) fn rules(
        &mut self,
        table: TablePath<'_>,
        chain: &str,
    ) -> io::Result<Vec<KernelRule>> {
        let mut question = of_table(AskedObject::Rule, table);
        question
            .attributes
            .extend(name_attribute(RULE_CHAIN, chain));
        let found = self.ask(&question, |_, object, found| {
            // A kernel that does not know this question tells the rules of all chains.
            if object.name(TABLE).as_deref() == Some(table.name)
                && object.name(RULE_CHAIN).as_deref() == Some(chain)
            {
                found.push(rules::rule(object));
            }
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The sets of a table, those without a name, too; none if it is not there.
    pub(in crate::firewall) fn sets(&mut self, table: TablePath<'_>) -> io::Result<Vec<KernelSet>> {
        let found = self.ask(&of_table(AskedObject::Set, table), |_, object, found| {
            found.extend(objects::set(object));
        })?;
        Ok(found.unwrap_or_default())
    }

    /// The elements of a set, in no order; none if the set is not there.
    pub(in crate::firewall) fn elements(
        &mut self,
        table: TablePath<'_>,
        set: &str,
    ) -> io::Result<Option<Vec<SetElement>>> {
        let mut question = of_table(AskedObject::Element, table);
        question
            .attributes
            .extend(name_attribute(ELEMENTS_SET, set));
        self.ask(&question, |_, object, found| {
            found.extend(objects::elements(object));
        })
    }

    /// The element by which the set answers for `wanted`; none if it has none. In a set
    /// of intervals that is the nearest one below.
    pub(in crate::firewall) fn element(
        &mut self,
        table: TablePath<'_>,
        set: &str,
        wanted: &SetElement,
    ) -> io::Result<Option<SetElement>> {
        let mut question = of_table(AskedObject::Element, table);
        question.all = false;
        question
            .attributes
            .extend(name_attribute(ELEMENTS_SET, set));
        question.attributes.extend(objects::wanted_element(wanted));
        let found = self.ask(&question, |_, object, found| {
            found.extend(objects::elements(object));
        })?;
        Ok(found.unwrap_or_default().into_iter().next())
    }
}

/// The question for all of a kind in a table.
fn of_table(asked: AskedObject, table: TablePath<'_>) -> Question {
    Question {
        asked,
        all: true,
        protocol: table.family as u8,
        attributes: name_attribute(TABLE, table.name),
    }
}
